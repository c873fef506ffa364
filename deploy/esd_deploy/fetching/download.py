"""The download of one file: into a partial file that can be resumed, and under its name only when it equals the site's file."""

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from esd_build.data.errors import FULL, ToolError
from esd_deploy.backends.connection import Connection, ConnectionLostError, GoneError
from esd_deploy.fetching.places import part_name
from esd_deploy.fetching.wanted import HashName, Wanted
from esd_deploy.inputs.content import Tell

_PIECE = 1024**2
_OURS: HashName = "sha256"
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Does not follow a link that somebody put there meanwhile, and does not wait for a pipe."""
# Errors after which no other file could be written either.
_FATAL = FULL | {errno.EROFS, errno.EIO}


class DiskError(ToolError):
    """This machine fails, not the site."""


class PlaceError(ToolError):
    """This file cannot be written here; others can."""


class DifferentError(ConnectionLostError):
    """All bytes came, and they are not the ones whose hash the site noted."""


def download(connection: Connection, job: str, file: Wanted, place: Path, tell: Tell = lambda _length: None) -> tuple[int, str]:
    """Fetch one file to `place`; returns size in bytes and SHA-256, both of the file on disk. `tell` gets the number of received bytes.

    Resumes a partial file only if the hash is known: otherwise the file may have changed at the site. Raises ConnectionLostError
    if the file is incomplete, DifferentError if it is different: then try again.
    """
    try:
        return _fetch(connection, job, file, place, tell)
    except OSError as error:
        if error.errno in _FATAL:
            raise DiskError(f"cannot write {place}: {error.strerror}; make room there, then continue with `esd-deploy fetch`") from error
        raise PlaceError(f"cannot be written here as {place.name}: {error.strerror}") from error


def sha256(path: Path) -> str:
    """The hash of the file on disk, in hex."""
    return _hashes(path)["sha256"]


def _hashes(path: Path, also: HashName = "sha256") -> dict[HashName, str]:
    """SHA-256 of the file on disk, and one more hash, in hex; the file is read once."""
    digests = {name: hashlib.new(name, usedforsecurity=False) for name in (_OURS, also)}
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            for digest in digests.values():
                digest.update(piece)
    return {name: digest.hexdigest() for name, digest in digests.items()}


def _fetch(connection: Connection, job: str, file: Wanted, place: Path, tell: Tell) -> tuple[int, str]:
    part = place.with_name(part_name(place.name))
    place.parent.mkdir(parents=True, exist_ok=True)
    if (here := _here(file, place)) is not None:
        return place.stat().st_size, here
    try:
        size = _receive(connection, job, file, part, tell)
        found = _require_same(file, part)
        if file.executable:
            part.chmod(part.stat().st_mode | (part.stat().st_mode & 0o444) >> 2)
        part.replace(place)
    except (ConnectionLostError, GoneError):
        if file.noted is None:
            part.unlink(missing_ok=True)
        raise
    return size, found


def _here(file: Wanted, place: Path) -> str | None:
    """The SHA-256 of the file that an earlier fetch brought, if it is the noted one."""
    if file.noted is None or not place.is_file() or file.size not in {None, place.stat().st_size}:
        return None
    name, noted = file.noted
    found = _hashes(place, name)
    return found[_OURS] if found[name] == noted else None


def _require_same(file: Wanted, part: Path) -> str:
    """The SHA-256 of what came; raises DifferentError where the site noted another hash."""
    name, noted = file.noted or (_OURS, None)
    found = _hashes(part, name)
    if noted not in {None, found[name]}:
        part.unlink()
        kind = name.upper().replace("SHA", "SHA-")
        raise DifferentError(f"the received file has the {kind} {found[name]}, but the site noted {noted}: it is not what the job made")
    return found[_OURS]


def _begin(part: Path, file: Wanted) -> int:
    """The length of the partial file that can be resumed."""
    resumable = file.noted is not None and file.size is not None and part.is_file() and not part.is_symlink()
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
