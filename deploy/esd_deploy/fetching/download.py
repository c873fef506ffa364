"""One file's way home: in a part that is gone on with, and under its name only when what lies on this disk is what the site has."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from esd_build.data.errors import FULL, ToolError
from esd_deploy.backends.connection import Connection, ConnectionLostError
from esd_deploy.fetching.places import part_name
from esd_deploy.fetching.wanted import Wanted
from esd_deploy.plans.content import Tell

_PIECE = 1024**2
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""A link that somebody put there meanwhile is not followed, a pipe not waited for."""
# What no other file could be written either.
_FATAL = FULL | {errno.EROFS, errno.EIO}


class DiskError(ToolError):
    """This machine, not the site, is what fails."""


class PlaceError(ToolError):
    """One file cannot be written here; others can."""


def download(connection: Connection, job: str, file: Wanted, place: Path, tell: Tell = lambda _length: None) -> tuple[int, str]:
    """Fetch one file to `place`; its size in bytes and its SHA-256, both of what lies there afterwards. `tell` hears what came.

    With a known hash a part that is here is gone on with; without one it is begun anew, for it may have changed. Raises ConnectionLostError
    where less or something else came: then try again.
    """
    try:
        return _fetch(connection, job, file, place, tell)
    except OSError as error:
        if error.errno in _FATAL:
            raise DiskError(f"cannot write {place}: {error.strerror}; make room there, then continue with `esd-deploy fetch`") from error
        raise PlaceError(f"cannot be written here as {place.name}: {error.strerror}") from error


def sha256(path: Path) -> str:
    """Of what is on disk, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _fetch(connection: Connection, job: str, file: Wanted, place: Path, tell: Tell) -> tuple[int, str]:
    part = place.with_name(part_name(place.name))
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.sha256 and place.is_file() and file.size in {None, place.stat().st_size} and sha256(place) == file.sha256:
        return place.stat().st_size, file.sha256
    try:
        size = _receive(connection, job, file, part, tell)
        found = sha256(part)
        _require_same(file, part, found)
        if file.executable:
            part.chmod(part.stat().st_mode | (part.stat().st_mode & 0o444) >> 2)
        part.replace(place)
    except ConnectionLostError:
        if file.sha256 is None:
            part.unlink(missing_ok=True)
        raise
    return size, found


def _require_same(file: Wanted, part: Path, found: str) -> None:
    if file.sha256 not in {None, found}:
        part.unlink()
        raise ConnectionLostError(f"{file.path}: the file that came is not the one that the job made")


def _begin(part: Path, file: Wanted) -> int:
    """The length of the part that is here and may be gone on with."""
    resumable = file.sha256 is not None and file.size is not None and part.is_file() and not part.is_symlink()
    if resumable and file.size is not None and part.stat().st_size <= file.size:
        return part.stat().st_size
    part.unlink(missing_ok=True)
    return 0


def _receive(connection: Connection, job: str, file: Wanted, part: Path, tell: Tell) -> int:
    """Append what is missing, up to the size that was listed: a file that still grows is cut there. The size that it has now."""
    have = _begin(part, file)
    tell(have)
    with os.fdopen(os.open(part, _APPEND, 0o666), "ab") as out:
        if file.size is None or have < file.size:
            with connection.read(job, file.path, have) as pieces:
                for piece in pieces if file.size is None else _at_most(pieces, file.size - have):
                    out.write(piece)
                    have += len(piece)
                    tell(len(piece))
    if file.size not in {None, have}:
        raise ConnectionLostError(f"{file.path}: {have} of {file.size} bytes came")
    return have


def _at_most(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:length]
        length -= len(piece)
        if length <= 0:
            return
