"""A new site's file: from what its user knows, and from what the site says of itself. Pure except `write`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from esd_build.data import documents, minimum
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.whole import whole
from esd_deploy.errands.probe import Probe
from esd_deploy.sites.config import SiteConfig

_HEAD = "# Written by `esd-deploy site init`. docs/reference/site-files.md lists all keys."
_GUESS = {"certainty": "guess", "source": "site init", "verify": True}


@dataclass(frozen=True)
class Draft:
    """Keys and values of a site's file, in the order in which they are written. `sources` says of some where they come from."""

    values: Mapping[str, object]
    sources: Mapping[str, object]

    @classmethod
    def of(cls, known: Mapping[str, object]) -> "Draft":
        """What the user said; what cannot be done without, and nobody said, is a guess that the probe replaces."""
        said = {name: value for name, value in known.items() if value is not None}
        return cls({**said, "mpi": said.get("mpi", "pmix")}, {} if "mpi" in said else {"mpi": _GUESS})

    def learnt(self, found: Probe) -> "Draft":
        """The same after the site was asked; what the user said stays."""
        learnt = {
            "mpi": _plugin(found) if "mpi" in self.sources else None,
            "target": found.target,
            "partitions": {name: {"time_s": limit} if limit else {} for name, limit in found.partitions.items()} or None,
            "sharens": False if found.apptainer and minimum.older(found.apptainer, minimum.APPTAINER) else None,
        }
        new = {name: value for name, value in learnt.items() if value is not None and (name not in self.values or name in self.sources)}
        told = {"certainty": "site", "source": f"site probe of {found.time:%Y-%m-%d}"}
        return replace(self, values={**self.values, **new}, sources={**self.sources, **dict.fromkeys(new, told)})

    @property
    def text(self) -> str:
        """The file. JSON's values are YAML's too."""
        lines = (f"{name}: {json.dumps(value)}" for name, value in self.values.items())
        sources = (f"  {name}: {json.dumps(value)}" for name, value in self.sources.items())
        return "\n".join((_HEAD, *lines, *(("evidence:", *sources) if self.sources else ()))) + "\n"


def _plugin(found: Probe) -> str | None:
    """Of the site's MPI plugins the one that starts images: its default where that speaks PMIx, else one that does."""
    speaking = [name for name in (found.mpi_default, "pspmix", "pmix", *found.mpi_plugins) if name and "pmix" in name]
    return next((name for name in speaking if name in found.mpi_plugins), None)


def require_new(path: Path, *, force: bool) -> None:
    """Raises UsageError where there is such a file."""
    if path.exists() and not force:
        raise UsageError(f"{path} is there already: edit it, or write it anew with --force")


def write(draft: Draft, path: Path) -> SiteConfig:
    """Write the file, which is valid, or none. Raises ConfigError with what is wrong, ToolError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path, mode=0o644) as part:
            part.write_text(draft.text, encoding="utf-8")
            config = documents.load(part, SiteConfig, name=path.stem, file=path.absolute())
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}") from error
    return config
