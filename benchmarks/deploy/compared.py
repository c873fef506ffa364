"""Whether what a client fetched is what lies at the site, byte by byte: read from the local site's own disk, as root."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from esd_deploy.fetching.places import text
from esd_deploy.fetching.wanted import is_housekeeping
from esd_deploy.records.record import RunRecord

_OURS = ("esd/",)


def differences(one: RunRecord, here: Path, there: Path) -> Iterator[str]:
    """What differs between a run's folder and its job's folder; nothing where all is the same, once, and named."""
    fetched = {file.origin or file.path: file for file in one.files}
    for path, file in fetched.items():
        place = there / os.fsdecode(path.encode("utf-8")) if not file.origin else None
        local = _hash(here / file.path)
        if local != file.sha256:
            yield f"{one.id}: {file.path} is not what its record says"
        if place is not None and not path.startswith(_OURS) and _hash(place) != local:
            yield f"{one.id}: {file.path} is not what the site has"
    named = {*fetched, *(each.path for each in one.missing)}
    for path in _results(there):
        if text(path) not in named and path not in one.staged:
            yield f"{one.id}: {text(path)} lies at the site, did not come, and nothing says so"


def worked(there: Path) -> int:
    """How many batch jobs ran the program in this folder."""
    try:
        return len((there / "ran.txt").read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return 0


def gave_way(there: Path) -> int:
    """How many batch jobs of this run ended because another one worked."""
    return sum("gives way" in path.read_text(encoding="utf-8") for path in (there / "esd" / "jobs").glob("[0-9]*"))


def _results(there: Path) -> Iterator[str]:
    for folder, _, names in os.walk(there):
        for name in names:
            place = Path(folder, name)
            path = place.relative_to(there).as_posix()
            if stat.S_ISREG(place.lstat().st_mode) and not path.startswith(_OURS) and not is_housekeeping(path):
                yield path


def _hash(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
