"""The JSON documents of the REST interface: pure functions, following facts/unicore-rest.md."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from esd_localsite.description.applications import APPLICATIONS, Application
from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.description import JobDescription
from esd_localsite.files.documents import Document, unicore_time
from esd_localsite.identity.users import Identity
from esd_localsite.jobs.life import STATUS, Phase
from esd_localsite.jobs.records import JobRecord, TransferRecord, TransferStatus

VERSION = "11.1.0"
"""The UNICORE/X version whose interface this is."""
FACTORY = "default_target_system_factory"
SITE = "default"
_JOB_LIFE = timedelta(days=30)


@dataclass(frozen=True)
class Urls:
    """The addresses of all resources below the site's base (`https://host:port/SITE`)."""

    base: str

    @property
    def core(self) -> str:
        return f"{self.base}/rest/core"

    def of(self, *parts: str) -> str:
        return "/".join((self.core, *parts))

    def uspace(self, job_id: str) -> str:
        return self.of("storages", uspace_id(job_id))


def uspace_id(job_id: str) -> str:
    """The id of the storage that is a job's working directory."""
    return f"{job_id}-uspace"


def links(**hrefs: str) -> dict[str, dict[str, str]]:
    """`_links`; a double underscore in a name stands for the colon in `action:start`."""
    return {name.replace("__", ":"): {"href": href} for name, href in hrefs.items()}


ANONYMOUS: Document = {
    "dn": "CN=ANONYMOUS,O=UNKNOWN,OU=UNKNOWN",
    "role": {"selected": "anonymous", "availableRoles": []},
    "xlogin": {"availableGroups": []},
}
"""The `client` block of who gave no credentials."""


def client_document(identity: Identity, groups: tuple[str, ...], group: str | None) -> Document:
    """The `client` block: who UNICORE takes the caller for."""
    login = {
        "UID": identity.uid_name,
        "availableUIDs": [identity.uid_name],
        "group": group or next(iter(groups), identity.uid_name),
        "availableGroups": list(groups),
    }
    return {
        "dn": f"CN={identity.name},OU=local site",
        "role": {"selected": "user", "availableRoles": ["user"]},
        "xlogin": login,
        "queues": {"availableQueues": [], "selected": ""},
        "authenticationMethod": identity.method,
    }


def core_document(config: EndpointConfig, client: Document, up_since: datetime, now: datetime, note: str) -> Document:
    """The site: `rest/core`."""
    urls = Urls(config.site_url)
    kinds = ("factories", "sites", "jobs", "reservations", "storages", "storagefactories", "transfers", "client-server-transfers", "tasks")
    return {
        "client": client,
        "server": {
            "version": VERSION,
            "siteName": config.site_name,
            "upSince": unicore_time(up_since),
            "currentTime": unicore_time(now),
            "jobSubmission": {"enabled": True, "message": note or "OK"},
            "externalConnections": {},
        },
        "_links": {"self": {"href": urls.core}, **{kind: {"href": urls.of(kind)} for kind in kinds}},
    }


def factory_document(config: EndpointConfig) -> Document:
    """The one target system factory: which partitions there are, and what one may ask of them."""
    url = Urls(config.site_url).of("factories", FACTORY)
    return {
        "siteName": config.site_name,
        "resources": {
            name: {"Nodes": f"1-{limits.max_nodes}", "Runtime": f"1-{limits.max_runtime_s}"} for name, limits in config.partitions.items()
        },
        "applications": [application.key for application in APPLICATIONS],
        "_links": links(self=url, applications=f"{url}/applications"),
    }


def application_document(application: Application, config: EndpointConfig) -> Document:
    """One application, and which parameters it takes."""
    url = Urls(config.site_url).of("factories", FACTORY, "applications", application.key)
    return {
        "ApplicationName": application.name,
        "ApplicationVersion": application.version,
        "Options": list(application.options),
        "_links": links(self=url),
    }


def site_document(config: EndpointConfig, site: str, tags: tuple[str, ...]) -> Document:
    """A target system; jobs name the default one as their parent."""
    urls = Urls(config.site_url)
    return {
        "siteName": config.site_name,
        "resourceStatus": "READY",
        "tags": list(tags),
        "_links": links(self=urls.of("sites", site), jobs=urls.of("jobs"), storages=urls.of("storages")),
    }


def transfer_document(record: TransferRecord, config: EndpointConfig) -> Document:
    """A transfer between a storage of this server and somewhere else."""
    urls = Urls(config.site_url)
    own, file = urls.of("transfers", record.id), f"{urls.of('storages', record.storage)}/files/{record.file.lstrip('/')}"
    return {
        "status": record.status.value,
        "statusMessage": record.message,
        "transferredBytes": record.transferred,
        "size": record.transferred if record.status is TransferStatus.DONE else -1,
        "isSending": record.sends,
        "source": file if record.sends else record.address,
        "target": record.address if record.sends else file,
        "startTime": unicore_time(record.created),
        "owner": record.owner,
        "tags": list(record.tags),
        "resourceStatus": "READY",
        "_links": links(self=own, action__abort=f"{own}/actions/abort"),
    }


def registry_document(urls: Urls) -> Document:
    """The registry's entries, by which a client finds the site."""
    entries = [
        {"href": urls.core, "type": "CoreServices"},
        {"href": f"{urls.base}/rest/workflows", "type": "WorkflowServices"},
    ]
    return {"entries": entries, "_links": links(self=f"{urls.base}/rest/registries/default_registry")}


def job_document(record: JobRecord, job: JobDescription, config: EndpointConfig) -> Document:
    """A job's properties. `exitCode` is a string, and absent while there is none."""
    urls, state = Urls(config.site_url), record.state
    exit_code = {} if state.exit_code is None else {"exitCode": str(state.exit_code)}
    return {
        "status": STATUS[state.phase],
        "statusMessage": state.message,
        **exit_code,
        "log": list(record.log),
        "queue": job.resources.queue or next(iter(config.partitions), "N/A"),
        "batchSystemID": f"INTERACTIVE_{state.process}" if state.phase is Phase.ALLOCATING else state.batch_id or state.process or "N/A",
        "submissionTime": unicore_time(record.created),
        "terminationTime": unicore_time(record.created + _JOB_LIFE),
        "name": job.name,
        "jobType": job.job_type.value,
        "tags": list(record.tags),
        "owner": record.owner,
        "siteName": config.site_name,
        "resourceStatus": "READY",
        "consumedTime": {},
        "_links": _job_links(record.id, urls),
    }


def _job_links(job_id: str, urls: Urls) -> dict[str, dict[str, str]]:
    own = urls.of("jobs", job_id)
    return links(
        self=own,
        details=f"{own}/details",
        submitted=f"{own}/submitted",
        action__start=f"{own}/actions/start",
        action__abort=f"{own}/actions/abort",
        action__restart=f"{own}/actions/restart",
        workingDirectory=urls.uspace(job_id),
        parentTSS=urls.of("sites", SITE),
    )


def list_document(name: str, urls: Iterable[str], own_url: str) -> Document:
    """A list resource: `{"jobs": [url, …]}`."""
    return {name: list(urls), "_links": links(self=own_url)}


def storage_document(url: str, mount_point: str, free: int, usable: int) -> Document:
    """A storage that is ready: without `resourceStatus` the client would wait for ever."""
    return {
        "resourceStatus": "READY",
        "protocols": ["BFT"],
        "umask": "77",
        "mountPoint": mount_point,
        "freeSpace": free,
        "usableSpace": usable,
        "_links": links(
            self=url,
            files=f"{url}/files",
            action__copy=f"{url}/actions/copy",
            action__rename=f"{url}/actions/rename",
            transfers=f"{url}/transfers",
        ),
    }
