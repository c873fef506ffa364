"""The documents about a site: caller, resources, offers. Pure; in the form of UNICORE/X 2.9.0 (tests/contract)."""

from datetime import datetime

from esd_localsite.description.applications import APPLICATIONS, Application
from esd_localsite.description.config import EndpointConfig
from esd_localsite.files.documents import Document, unicore_time
from esd_localsite.identity.users import Identity
from esd_localsite.records.records import SiteRecord, dn_of
from esd_localsite.unicore.answers import FACTORY, STORAGE_FACTORY, VERSION, Urls, links, resource

_SERVER = "CN=local site,O=ESD,C=EU"
_AUTHORITY = "CN=local site CA,O=ESD,C=EU"
_UMASK = "0027"
ANONYMOUS: Document = {"dn": "CN=ANONYMOUS,O=UNKNOWN,OU=UNKNOWN", "role": {"selected": "anonymous"}, "xlogin": {}}
"""The `client` block of an anonymous client."""


def client_document(identity: Identity, groups: tuple[str, ...], group: str | None) -> Document:
    """The `client` block: who UNICORE takes the caller for."""
    login = {"UID": identity.uid_name, "availableUIDs": [identity.uid_name], "availableGroups": list(groups)}
    return {
        "dn": dn_of(identity.name),
        "role": {"selected": "user", "availableRoles": ["user"]},
        "xlogin": {**login, "group": group or groups[0]},
        "authenticationMethod": identity.method,
    }


def core_document(config: EndpointConfig, client: Document, up_since: datetime, note: str) -> Document:
    """The site: `rest/core`."""
    urls = Urls(config.site_url)
    kinds = ("factories", "sites", "jobs", "reservations", "storages", "storagefactories", "transfers", "client-server-transfers", "tasks")
    return {
        "client": client,
        "server": {
            "version": VERSION,
            "upSince": unicore_time(up_since),
            "jobSubmission": {"enabled": True, "message": note},
            "externalConnections": {"TSI 1": "OK"},
            "credential": {"dn": _SERVER, "issuer": _AUTHORITY},
            "trustedCAs": [_AUTHORITY],
            "trustedSAMLIssuers": [],
        },
        "_links": {kind: {"href": urls.of(kind)} for kind in kinds},
    }


def _offer(config: EndpointConfig) -> Document:
    """The site's partitions and applications."""
    resources = {
        name: {resource: f"{least}-{most}" for resource, (least, most) in partition.limits.items()}
        for name, partition in config.partitions.items()
    }
    budget = {"__CURRENT_PROJECT__": {"rel": "-1%", "units": "core-h", "remaining": "-1"}}
    return {
        "resources": resources,
        "applications": [application.key for application in APPLICATIONS],
        "supportsReservation": "true",
        "otherInfo": {},
        "remainingComputeTime": budget,
    }


def factory_document(config: EndpointConfig) -> Document:
    """The only target system factory: the partitions and their limits."""
    urls = Urls(config.site_url)
    own = urls.of("factories", FACTORY)
    found = links(self=own, sites=urls.of("sites"), applications=f"{own}/applications")
    return {**resource(config, _SERVER), **_offer(config), "_links": found}


def application_document(application: Application) -> Document:
    """One application and its parameters."""
    options = {name: {"Type": kind} for name, kind in application.options}
    return {"ApplicationName": application.name, "ApplicationVersion": application.version, "Options": options}


def site_document(config: EndpointConfig, site: SiteRecord, jobs: int) -> Document:
    """A target system, which accepts jobs."""
    urls = Urls(config.site_url)
    own = urls.of("sites", site.id)
    return {
        **resource(config, dn_of(site.owner), site.tags, "OK"),
        **_offer(config),
        "umask": _UMASK,
        "numberOfJobs": jobs,
        "storages": [],
        "_links": links(self=own, jobs=f"{own}/jobs", applications=f"{own}/applications", parent=urls.of("factories", FACTORY)),
    }


def storage_factory_document(config: EndpointConfig) -> Document:
    """The storage factory, which creates no storages here."""
    own = Urls(config.site_url).of("storagefactories", STORAGE_FACTORY)
    return {**resource(config, _SERVER), "storageDescriptions": {}, "_links": links(self=own)}


def registry_document(config: EndpointConfig) -> Document:
    """The registry's entries, by which a client finds the site."""
    urls = Urls(config.site_url)
    entries = [
        {"href": urls.core, "type": "CoreServices"},
        {"href": urls.of("storagefactories", STORAGE_FACTORY), "type": "StorageFactory"},
        {"href": urls.of("factories", FACTORY), "type": "TargetSystemFactory"},
    ]
    return {**resource(config, _SERVER), "entries": entries, "_links": links(self=urls.registry)}
