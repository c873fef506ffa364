"""What the JSON documents of the REST interface have in common: addresses, links, a resource's own keys. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from esd_localsite.description.config import EndpointConfig
from esd_localsite.files.documents import Document, unicore_time

VERSION = "10.2.0"
"""The UNICORE version whose answers these are."""
FACTORY = "default_target_system_factory"
STORAGE_FACTORY = "default_storage_factory"
SITE = "default"


@dataclass(frozen=True)
class Urls:
    """The addresses of all resources below the site's base (`https://host:port/SITE`)."""

    base: str

    @property
    def core(self) -> str:
        return f"{self.base}/rest/core"

    @property
    def registry(self) -> str:
        return f"{self.base}/rest/registries/default_registry"

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


def described(href: str, description: str) -> dict[str, str]:
    """A link that says what it is."""
    return {"href": href, "description": description}


def resource(config: EndpointConfig, owner: str, tags: Iterable[str] = (), said: str = "N/A") -> Document:
    """What all resources have in common."""
    return {
        "owner": owner,
        "siteName": config.site_name,
        "acl": [],
        "tags": list(tags),
        "currentTime": unicore_time(datetime.now(UTC)),
        "resourceStatus": "READY",
        "resourceStatusMessage": said,
    }
