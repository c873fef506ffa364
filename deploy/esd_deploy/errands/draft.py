"""A new site's file: from what its user knows, and from what the site says of itself. Pure except `write`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from esd_build.data import documents
from esd_build.data.errors import ToolError, UsageError
from esd_build.data.whole import whole
from esd_build.tools import minimum
from esd_deploy.errands.probe import Probe
from esd_deploy.sites.config import Limits, SiteConfig
from esd_deploy.sites.source import CredentialsSource

_HEAD = "# Written by `esd-deploy site init`. docs/reference/site-files.md lists all keys."
Json: TypeAlias = "str | int | bool | dict[str, Json] | None"
_GUESS: dict[str, Json] = {"certainty": "guess", "source": "site init", "verify": True}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a user says of a UNICORE site; its fields are keys of the site's file, in the order in which they are written."""

    description: str
    url: str
    registry: str
    ca_file: Path | None = None
    """The certificate authority of the server and of the registry."""
    credentials: CredentialsSource
    mpi: str | None = None
    scratch: str | None = None
    partition: str | None = None
    account: str | None = None
    limits: Limits

    @property
    def keys(self) -> dict[str, Json]:
        """What is known, as the file has it."""
        found: dict[str, Json] = {
            "kind": "unicore",
            "description": self.description,
            "url": self.url,
            "registry": self.registry,
            "ca_file": str(self.ca_file) if self.ca_file else None,
            "registry_ca_file": str(self.ca_file) if self.ca_file else None,
            "credentials": self.credentials.model_dump(mode="json", exclude_unset=True),
            "mpi": self.mpi,
            "scratch": self.scratch,
            "partition": self.partition,
            "account": self.account,
            "limits": self.limits.model_dump(mode="json", exclude_unset=True),
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Draft:
    """A site's file: what the user said, and what the site answered, once it was asked. What the user said stays."""

    said: Said
    found: Probe | None = None

    @property
    def text(self) -> str:
        """The file. JSON's values are YAML's too. What cannot be done without, and nobody said, is a guess."""
        said = self.said.keys
        learnt = {name: value for name, value in _learnt(self.found).items() if name not in said} if self.found else {}
        told: dict[str, Json] = {"certainty": "site", "source": f"site probe of {self.found.time:%Y-%m-%d}"} if self.found else {}
        guessed: dict[str, Json] = {} if "mpi" in {**said, **learnt} else {"mpi": "pmix"}
        sources = (f"  {name}: {json.dumps(_GUESS if name in guessed else told)}" for name in (*guessed, *learnt))
        lines = (f"{name}: {json.dumps(value)}" for name, value in {**said, **guessed, **learnt}.items())
        return "\n".join((_HEAD, *lines, *(("evidence:", *sources) if guessed or learnt else ()))) + "\n"


def _learnt(found: Probe) -> dict[str, Json]:
    """The keys that the site itself answered for."""
    learnt: dict[str, Json] = {
        "mpi": _plugin(found),
        "target": found.target,
        "partitions": {name: {"time_s": limit} if limit else {} for name, limit in found.partitions.items()} or None,
        "sharens": False if found.apptainer and minimum.older(found.apptainer, minimum.APPTAINER) else None,
    }
    return {name: value for name, value in learnt.items() if value is not None}


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
