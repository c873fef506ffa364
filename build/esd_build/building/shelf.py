"""The contents of the cache: sizes, last uses, and what to remove when the cache is too large."""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esd_build.building.cache import Cache
from esd_build.data.errors import UsageError
from esd_build.tools.process import remove_as

LIMIT_VARIABLE = "ESD_IMAGES_CACHE_LIMIT"
_LIMIT_GB = 20.0
_KINDS = ("images", "compiled", "wheels", "sources", "logs")
_GB = 1000**3


@dataclass(frozen=True)
class Kept:
    """One result in the cache: its size in bytes, and when it was last used (seconds since 1970)."""

    path: Path
    kind: str
    size: int
    used: float

    @property
    def when(self) -> datetime:
        """When it was last used, in local time."""
        return datetime.fromtimestamp(self.used, UTC).astimezone()


def limit() -> int:
    """How large the cache may become, in bytes: $ESD_IMAGES_CACHE_LIMIT (GB), else 20 GB. Raises UsageError if that is not a number."""
    text = os.environ.get(LIMIT_VARIABLE, str(_LIMIT_GB))
    try:
        return round(float(text) * _GB)
    except ValueError as error:
        raise UsageError(f"{LIMIT_VARIABLE}={text}: expected a number of gigabytes, such as 20") from error


def kept(cache: Cache) -> Sequence[Kept]:
    """What is in the cache, the last used first. What Spack keeps is one entry a folder: its parts need each other."""
    found = [_measure(path, kind) for kind in _KINDS for path in (cache.root / kind).iterdir() if not path.name.endswith(".packages.txt")]
    spack = cache.root / "spack"
    found += [_measure(path, "spack") for path in (spack.iterdir() if spack.is_dir() else ())]
    return tuple(sorted(found, key=lambda entry: -entry.used))


def surplus(entries: Iterable[Kept], limit_bytes: int, needed: frozenset[Path] = frozenset()) -> Sequence[Kept]:
    """What to remove so that the rest is within the limit: the longest unused first, never what is needed. Pure."""
    ordered = sorted(entries, key=lambda entry: entry.used)
    excess = sum(entry.size for entry in ordered) - limit_bytes
    going = []
    for entry in ordered:
        if excess <= 0:
            break
        if entry.path not in needed and entry.kind != "spack":
            going.append(entry)
            excess -= entry.size
    return tuple(going)


def remove(cache: Cache, entries: Sequence[Kept]) -> None:
    """Remove entries from the cache, with the files that belong to them."""
    beside = [entry.path.with_suffix(".packages.txt") for entry in entries if entry.kind == "images"]
    remove_as(cache.account, [*(entry.path for entry in entries), *(path for path in beside if path.exists())])
    for path in [entry.path for entry in entries] + beside:
        # What root wrote there: logs, downloads.
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _measure(path: Path, kind: str) -> Kept:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    sizes = [file.lstat() for file in files]
    return Kept(path, kind, sum(status.st_blocks * 512 for status in sizes), path.stat().st_mtime)
