"""The documents about a user's own things: jobs, storages, files, transfers. Pure; in the form of UNICORE/X 2.9.0 (tests/contract)."""

from dataclasses import dataclass
from datetime import timedelta

from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.description import JobDescription, JobType
from esd_localsite.files.documents import Document, unicore_time
from esd_localsite.records.life import STATUS, Phase
from esd_localsite.records.records import ClientTransferRecord, JobRecord, TransferRecord, TransferStatus, dn_of
from esd_localsite.unicore.answers import Urls, described, links, resource

NO_BATCH_ID = "N/A"
"""In place of the batch system's id, before a job is submitted."""
_UMASK = "027"
_JOB_LIFE = timedelta(days=30)
_TRANSFER_LIFE = timedelta(days=1)
_PHASES_OF_USE = ("total", "stage-in", "preCommand", "queued", "main", "postCommand", "stage-out")


def transfer_document(record: TransferRecord, config: EndpointConfig) -> Document:
    """A transfer between a storage of this server and somewhere else."""
    urls, file = Urls(config.site_url), f"/{record.file.lstrip('/')}"
    storage = urls.of("storages", record.storage)
    return {
        **resource(config, dn_of(record.owner), record.tags),
        "status": record.status.value,
        "statusMessage": record.message or ("UNKNOWN" if record.status is TransferStatus.RUNNING else record.status.value),
        "transferredBytes": record.transferred,
        "size": record.transferred if record.status is TransferStatus.DONE else -1,
        "isExport": record.sends,
        "protocol": "BFT",
        "source": file if record.sends else record.address,
        "target": record.address if record.sends else file,
        "files": {file: record.status.value},
        "terminationTime": unicore_time(record.created + _TRANSFER_LIFE),
        "_links": {**links(self=urls.of("transfers", record.id)), "storage": described(storage, "Parent Storage")},
    }


def client_transfer_document(record: ClientTransferRecord, config: EndpointConfig) -> Document:
    """A file that a client is about to send, or to fetch, without logging in again: at `accessURL`."""
    urls = Urls(config.site_url)
    return {
        "parent": urls.of("storages", record.storage),
        "protocol": "BFT",
        "fileName": f"/{record.file.lstrip('/')}",
        "accessURL": f"{config.site_url}/files/{record.id}",
        "isExport": str(record.is_export).lower(),
    }


def job_document(record: JobRecord, job: JobDescription, config: EndpointConfig) -> Document:
    """A job's properties. `exitCode` is a string, and absent while it is unknown."""
    state = record.state
    exit_code = {} if state.exit_code is None else {"exitCode": str(state.exit_code)}
    queue = dict(job.resources.requested).get("Queue") or next(iter(config.partitions), "N/A")
    return {
        **resource(config, dn_of(record.owner), record.tags),
        "status": STATUS[state.phase],
        "statusMessage": state.message,
        **exit_code,
        "log": list(record.log),
        "queue": queue if state.batch_id else "N/A",
        "batchSystemID": batch_system_id(record),
        "submissionTime": unicore_time(record.created),
        "terminationTime": unicore_time(record.terminates or record.created + _JOB_LIFE),
        "name": _name(record, job),
        "jobType": _job_type(record, job),
        "submissionPreferences": {},
        "consumedTime": _consumed(record),
        "_links": _job_links(record, Urls(config.site_url)),
    }


def batch_system_id(record: JobRecord) -> str:
    """The batch system's id, or the process of a job on the login node."""
    state = record.state
    if state.batch_id:
        return state.batch_id
    return f"INTERACTIVE_login_{record.login_process.partition('@')[0]}" if record.login_process else NO_BATCH_ID


def _name(record: JobRecord, job: JobDescription) -> str:
    return job.name if record.submitted else "N/A"


def _job_type(record: JobRecord, job: JobDescription) -> str:
    if record.unreadable or job.is_empty:
        return "n/a"
    return JobType.BATCH.value if job.job_type is JobType.RAW else job.job_type.value


def _consumed(record: JobRecord) -> Document:
    """The known times, in seconds as text."""
    known: dict[str, str] = {} if record.state.phase in {Phase.CREATED, Phase.STAGING_IN} else {"stage-in": "0"}
    if record.ended:
        known["total"] = str(round((record.ended - record.created).total_seconds()))
    return {phase: known.get(phase, "N/A") for phase in _PHASES_OF_USE}


def _job_links(record: JobRecord, urls: Urls) -> dict[str, dict[str, str]]:
    own = urls.of("jobs", record.id)
    actions = {f"action:{name}": described(f"{own}/actions/{name}", name.capitalize()) for name in ("start", "abort", "restart")}
    return {
        **links(self=own),
        **actions,
        "details": described(f"{own}/details", "BSS job details"),
        "submitted": described(f"{own}/submitted", "Submitted job description"),
        "forwarding": described(f"{own}/forward-port", "Start port forwarding"),
        "workingDirectory": described(urls.uspace(record.id), "Working directory"),
        "parentTSS": described(urls.of("sites", record.site), "Parent TSS"),
    }


@dataclass(frozen=True)
class StorageSeen:
    """The facts about a storage. `root` and `free` (bytes) are None if its directory does not exist (yet)."""

    id: str
    owner: str
    root: str | None = None
    free: int | None = None
    status: str = "READY"
    job: str | None = None
    """URL of the job whose directory it is."""


def storage_document(seen: StorageSeen, config: EndpointConfig) -> Document:
    """A storage. Without `resourceStatus`, a client would wait forever."""
    url = Urls(config.site_url).of("storages", seen.id)
    found = {
        "self": {"href": url},
        "files": described(f"{url}/files", "Files"),
        "action:copy": described(f"{url}/actions/copy", "Copy file 'from' to file 'to'."),
        "action:rename": described(f"{url}/actions/rename", "Rename file 'from' to file 'to'."),
    }
    if seen.job:
        own: Document = {"description": "Job workspace", "metadataSupported": False}
        found["job"] = described(seen.job, "Parent job")
    else:
        own = {"description": "Filesystem", "metadataSupported": True}
        found["action:extract"] = described(f"{url}/actions/extract", "Start metadata extraction")
        found["metadata-search"] = described(f"{url}/search", "Search in metadata")
    place = {} if seen.root is None else {"mountPoint": f"{seen.root}/", "freeSpace": seen.free, "usableSpace": -1}
    system = {} if seen.root is None else {"filesystemDescription": "UNICORE TSI at 127.0.0.1"}
    return {
        **resource(config, dn_of(seen.owner)),
        **own,
        **place,
        **system,
        "resourceStatus": seen.status,
        "protocols": ["BFT"],
        "umask": _UMASK,
        "_links": found,
    }


def file_document(properties: Document, storage_url: str) -> Document:
    """A file's properties, or a directory's with its `content`."""
    found = {"parentStorage": described(storage_url, "Parent Storage")}
    content = properties.get("content")
    if isinstance(content, dict):
        page = f"{storage_url}/files?offset=0&num={len(content)}"
        found = {**found, "self": {"href": page}}
    return {**properties, "_links": found}
