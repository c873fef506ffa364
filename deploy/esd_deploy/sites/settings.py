"""A site's settings in effect, each with its source."""

from dataclasses import dataclass
from pathlib import Path

from esd_deploy.sites.certainty import Evidence
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.endpoint import Endpoint


@dataclass(frozen=True)
class Setting:
    """One key of the site's file: its value in effect, the source, and the certainty."""

    name: str
    value: object
    source: str
    evidence: Evidence | None = None

    @property
    def document(self) -> dict[str, object]:
        """As JSON; with `evidence` only if there is some."""
        told = {"value": self.value, "source": self.source}
        return {**told, "evidence": self.evidence.model_dump()} if self.evidence else told


def settings(config: SiteConfig, file: Path, endpoint: Endpoint | None) -> list[Setting]:
    """All settings of a site, without secrets. `endpoint` (None while a local site is down) adds the values of its status file."""
    found: dict[str, object] = {}
    if config.status_file is not None and endpoint is not None:
        found = {"url": endpoint.url, "registry": endpoint.registry, "ca_file": str(endpoint.ca_file)}
        found["credentials"] = {"username": endpoint.credentials.username}
    written = {
        name: (value, str(file) if name in config.model_fields_set else "default")
        for name, value in config.model_dump(mode="json", exclude={"evidence", "partitions"}).items()
    }
    parts = {f"partitions.{name}": (one.model_dump(exclude_defaults=True), str(file)) for name, one in config.partitions.items()}
    told = {name: (value, str(config.status_file)) for name, value in found.items()}
    everything = {**written, **parts, **told}
    return [Setting(name, value, source, _evidence(config, name)) for name, (value, source) in everything.items()]


def _evidence(config: SiteConfig, name: str) -> Evidence | None:
    """The evidence of this value, else of the mapping that contains it."""
    return config.evidence.get(name) or config.evidence.get(name.partition(".")[0])
