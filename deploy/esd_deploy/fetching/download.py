"""The download of one file: into a partial file that can be resumed, and under its name only when it equals the site's file."""

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
"""Does not follow a link that somebody put there meanwhile, and does not wait for a pipe."""
# Errors after which no other file could be written either.
_FATAL = FULL | {errno.EROFS, errno.EIO}


class DiskError(ToolError):
    """This machine fails, not the site."""


class PlaceError(ToolError):
    """This file cannot be written here; others can."""


def download(connection: Connection, job: str, file: Wanted, place: Path, tell: Tell = lambda _length: None) -> tuple[int, str]:
    """Fetch one file to `place`; returns size in bytes and SHA-256, both of the file on disk. `tell` gets the number of received bytes.

    Resumes a partial file only if the hash is known: otherwise the file may have changed at the site. Raises ConnectionLostError
    if the file is incomplete or different: then try again.
    """
    try:
        return _fetch(connection, job, file, place, tell)
    except OSError as error:
        if error.errno in _FATAL:
            raise DiskError(f"cannot write {place}: {error.strerror}; make room there, then continue with `esd-deploy fetch`") from error
        raise PlaceError(f"cannot be written here as {place.name}: {error.strerror}") from error


def sha256(path: Path) -> str:
    """The hash of the file on disk, in hex."""
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
        raise ConnectionLostError(f"{file.path}: the received file differs from the one that the job made")


def _begin(part: Path, file: Wanted) -> int:
    """The length of the partial file that can be resumed."""
    resumable = file.sha256 is not None and file.size is not None and part.is_file() and not part.is_symlink()
    if resumable and file.size is not None and part.stat().st_size <= file.size:
        return part.stat().st_size
    part.unlink(missing_ok=True)
    return 0


def _receive(connection: Connection, job: str, file: Wanted, part: Path, tell: Tell) -> int:
    """Append what is missing, up to the listed size: a file that still grows is cut there. Returns the size now."""
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
