"""Bringing a job's files home: each one whole, checked, resumed where it broke off, and none outside the run's folder."""

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tenacity import Retrying

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import Connection, ConnectionLostError, RemoteFile
from esd_deploy.plans.launch import IMAGE_LINK
from esd_deploy.runs.record import FILE_NAME, FileRecord, MissingRecord

MANIFEST = "esd/results.sha256"
"""What job.sh writes at the end of a job: the hash of each result, as `sha256sum --zero` prints it."""
_OURS = {FILE_NAME, ".lock"}
_AT_ONCE = 4
_PIECE = 1024**2
# UNICORE's own files in a job's folder: the scripts that it and its TSI made, the exit code and the numbers that they noted.
_HOUSEKEEPING = re.compile(
    r"\.UNICORE_[^/]*/.*|UNICORE_SCRIPT_(EXIT_CODE|PID)|UNICORE_ALLOCATION_ID|UNICORE_Job_[^/]*|TSI_submit_[^/]*|bss_(submit|abort)_[^/]*"
)


@dataclass(frozen=True)
class Fetched:
    """What came, and what did not and why."""

    files: tuple[FileRecord, ...]
    missing: tuple[MissingRecord, ...]


def wanted(files: Iterable[RemoteFile], staged: Iterable[str]) -> list[RemoteFile]:
    """What the job made: not what was sent there, not the image that is linked there, not UNICORE's own files."""
    ours = {*staged, IMAGE_LINK}
    own = (file for file in files if file.path not in ours and not _HOUSEKEEPING.fullmatch(file.path))
    return sorted(own, key=lambda file: file.path)


def target(folder: Path, path: str) -> Path:
    """Where a file that the server named goes; raises ToolError for a name that leads out of the folder or onto the record."""
    parts = PurePosixPath(path).parts
    place = folder.joinpath(*parts)
    harmless = parts and not path.startswith("/") and ".." not in parts and "\0" not in path
    if not harmless or path in _OURS or not place.parent.resolve().is_relative_to(folder.resolve()) or place.is_symlink():
        raise ToolError(f"the site names a result '{path}', which has no place in {folder}; nothing was written there")
    return place


def fetch(connection: Connection, job: str, folder: Path, staged: Iterable[str], retry: Retrying) -> Fetched:
    """Download all results into `folder`; each appears under its name only when it is whole, and what is here already stays.

    One file that cannot be had does not keep the others from coming. Raises ToolError where the site is lost, or this disk is full.
    """
    files = wanted(retry(connection.files, job), staged)
    _require_space(files, folder)
    hashes = _manifest(connection, job, files, retry)

    def bring(file: RemoteFile) -> FileRecord | MissingRecord:
        try:
            return retry(_download, connection, job, file, target(folder, file.path), hashes.get(file.path))
        except ConnectionLostError:
            raise
        except _LocalDiskError as error:
            raise ToolError(str(error)) from error
        except ToolError as error:
            return MissingRecord(path=file.path, size=file.size, reason=str(error))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        came = list(pool.map(bring, files))
    return Fetched(tuple(one for one in came if isinstance(one, FileRecord)), tuple(one for one in came if isinstance(one, MissingRecord)))


class _LocalDiskError(ToolError):
    """This machine, not the site, is what fails."""


def parse_manifest(content: bytes) -> dict[str, str]:
    """Path → SHA-256 in hex, of what `sha256sum --zero` printed for `./path`s."""
    lines = (line.partition("  ") for line in content.decode("utf-8", errors="surrogateescape").split("\0"))
    return {path.removeprefix("./"): digest for digest, _, path in lines if re.fullmatch(r"[0-9a-f]{64}", digest)}


def _manifest(connection: Connection, job: str, files: Iterable[RemoteFile], retry: Retrying) -> Mapping[str, str]:
    """The hashes as the job computed them; none where it did not come to its end."""
    if not any(file.path == MANIFEST for file in files):
        return {}

    def read() -> bytes:
        with connection.read(job, MANIFEST) as pieces:
            return b"".join(pieces)

    return parse_manifest(retry(read))


def _require_space(files: Iterable[RemoteFile], folder: Path) -> None:
    needed = sum(file.size or 0 for file in files if not (folder / file.path).is_file())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ToolError(
            f"the results have {needed / 1e6:,.0f} MB, {folder} has {free / 1e6:,.0f} MB free; make room, then `esd-deploy fetch`"
        )


def _download(connection: Connection, job: str, file: RemoteFile, place: Path, expected: str | None) -> FileRecord:
    """One file. With a known hash a part that is here is gone on with; without one it is begun anew, for it may have changed."""
    part = place.with_name(f".{place.name}.part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if expected and place.is_file() and file.size in {None, place.stat().st_size} and _hash(place).hexdigest() == expected:
            return FileRecord(path=file.path, size=place.stat().st_size, sha256=expected, checked=True)
        digest, have = _begin(part, file, resumable=expected is not None)
        have = _receive(connection, job, file, part, digest, have)
        _require_same(file, part, expected, digest.hexdigest())
        part.replace(place)
    except ConnectionLostError:
        if expected is None:
            part.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise _LocalDiskError(f"cannot write {place}: {error.strerror}; make room there, then `esd-deploy fetch` goes on") from error
    return FileRecord(path=file.path, size=have, sha256=digest.hexdigest(), checked=expected is not None)


def _require_same(file: RemoteFile, part: Path, expected: str | None, found: str) -> None:
    if expected not in {None, found}:
        part.unlink(missing_ok=True)
        raise ConnectionLostError(f"{file.path}: the file that came is not the one that the job made")


def _begin(part: Path, file: RemoteFile, *, resumable: bool) -> "tuple[hashlib._Hash, int]":
    """The hash and the length of the part that is here and may be gone on with."""
    if resumable and file.size is not None and part.is_file() and part.stat().st_size <= file.size:
        return _hash(part), part.stat().st_size
    part.unlink(missing_ok=True)
    return hashlib.sha256(), 0


def _receive(connection: Connection, job: str, file: RemoteFile, part: Path, digest: "hashlib._Hash", have: int) -> int:
    """Append what is missing, up to the size that was listed: a file that still grows is cut there. The size that it has now."""
    with part.open("ab") as out:
        if file.size is None or have < file.size:
            with connection.read(job, file.path, have) as pieces:
                for piece in pieces if file.size is None else _at_most(pieces, file.size - have):
                    out.write(piece)
                    digest.update(piece)
                    have += len(piece)
    if file.size not in {None, have}:
        raise ConnectionLostError(f"{file.path}: {have} of {file.size} bytes came")
    return have


def _at_most(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    for piece in pieces:
        yield piece[:length]
        length -= len(piece)
        if length <= 0:
            return


def _hash(path: Path) -> "hashlib._Hash":
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest
