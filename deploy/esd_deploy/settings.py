"""A site's settings as they are in effect, each with the place that it comes from."""

from dataclasses import dataclass
from pathlib import Path

from esd_deploy.config import SiteConfig
from esd_deploy.endpoint import Endpoint


@dataclass(frozen=True)
class Setting:
    """One key of the site's file, its value in effect, and where that was said."""

    name: str
    value: object
    source: str


def settings(config: SiteConfig, file: Path, endpoint: Endpoint | None) -> list[Setting]:
    """All settings of a site. `endpoint` (None while a local site is down) fills in what its status file says; no secret is shown."""
    found: dict[str, object] = {}
    if config.status_file is not None and endpoint is not None:
        found = {"url": endpoint.url, "registry": endpoint.registry, "ca_file": str(endpoint.ca_file)}
        found["credentials"] = {"username": endpoint.credentials.username}
    written = {
        name: (value, str(file) if name in config.model_fields_set else "default") for name, value in config.model_dump(mode="json").items()
    }
    told = {name: (value, str(config.status_file)) for name, value in found.items()}
    return [Setting(name, value, source) for name, (value, source) in {**written, **told}.items()]
