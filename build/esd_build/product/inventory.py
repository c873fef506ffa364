"""The packages inside an image, as its own package databases tell them, and which files belong to which."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Literal

from esd_build.providers.spack.locks.lockfile import Lock

Origin = Literal["deb", "pypi", "source", "spack"]

READ = (
    "var/lib/dpkg/status",
    "var/lib/dpkg/info/*.list",
    "usr/local/lib/python3*/dist-packages/*.dist-info/METADATA",
    "usr/local/lib/python3*/dist-packages/*.dist-info/RECORD",
)
"""The files of an image that say what it holds."""


@dataclass(frozen=True)
class Package:
    """One package of an image; `sha256` is that of the archive that it was made from, where that is known."""

    origin: Origin
    name: str
    version: str
    licence: str | None = None
    architecture: str | None = None
    sha256: str | None = None

    @property
    def key(self) -> str:
        return f"{self.origin}:{self.name}"


def debian(root: Path) -> Iterator[Package]:
    """What dpkg has installed below a root folder."""
    path = root / "var/lib/dpkg/status"
    for stanza in path.read_text(encoding="utf-8").split("\n\n") if path.is_file() else ():
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield Package("deb", fields["Package"], fields["Version"], architecture=fields.get("Architecture"))


def python(root: Path) -> Iterator[Package]:
    """The distributions of the Python layer."""
    for path in sorted(root.glob("usr/local/lib/python3*/dist-packages/*.dist-info/METADATA")):
        metadata = HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        licence = metadata.get("License-Expression")
        yield Package("pypi", normalised(metadata["Name"]), metadata["Version"], licence)


def sources(lock: str) -> Iterator[Package]:
    """What `sources.txt` says was compiled into the image."""
    for name, version, sha256 in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)\s+(?:\\\s+)?--hash=sha256:([0-9a-f]{64})", lock, re.MULTILINE):
        yield Package("source", normalised(name), version, sha256=sha256)


def spack(lock: Lock) -> Iterator[Package]:
    """What Spack installed of a lock; what it took from the base image is dpkg's to tell."""
    for found in lock.runtime:
        if not found.is_external:
            yield Package("spack", found.name, found.version)


def normalised(name: str) -> str:
    """A distribution's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def owners(root: Path) -> Mapping[str, str]:
    """Path → key of the package that brought it."""
    found: dict[str, str] = {}
    for listing in root.glob("var/lib/dpkg/info/*.list"):
        name = listing.stem.split(":")[0]
        found |= dict.fromkeys(listing.read_text(encoding="utf-8").splitlines(), f"deb:{name}")
    for record in root.glob("usr/local/lib/python3*/dist-packages/*.dist-info/RECORD"):
        name = normalised(record.parent.name.split("-")[0])
        top = "/" + str(record.parent.parent.relative_to(root))
        for line in record.read_text(encoding="utf-8").splitlines():
            found[f"{top}/{line.split(',')[0]}"] = f"pypi:{name}"
    return found
