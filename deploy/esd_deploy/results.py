"""Bringing a job's files home: each one whole, and none outside the run's folder."""

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError
from tenacity import Retrying

from esd_build.errors import ToolError
from esd_deploy.connection import Connection, ConnectionLostError, RemoteFile
from esd_deploy.launch import IMAGE_LINK
from esd_deploy.record import FILE_NAME, FileRecord, PullRecord, RunRecord

# UNICORE's own files in a job's folder: the scripts that it made and the exit code that it read.
_HOUSEKEEPING = re.compile(r"\.UNICORE_[^/]*/.*|UNICORE_SCRIPT_EXIT_CODE|bss_(submit|abort)_[^/]*")


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
    if not harmless or path == FILE_NAME or not place.parent.resolve().is_relative_to(folder.resolve()):
        raise ToolError(f"the site names a result '{path}', which has no place in {folder}; nothing was written there")
    return place


def fetch(connection: Connection, job: str, folder: Path, staged: Iterable[str], retry: Retrying) -> tuple[FileRecord, ...]:
    """Download all results into `folder`; each appears under its name only when it is whole."""
    files = wanted(retry(connection.files, job), staged)
    places = [target(folder, file.path) for file in files]
    return tuple(retry(_download, connection, job, file, place) for file, place in zip(files, places, strict=True))


def _download(connection: Connection, job: str, file: RemoteFile, place: Path) -> FileRecord:
    part = place.with_name(f".{place.name}.part")
    digest, size = hashlib.sha256(), 0
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with connection.read(job, file.path) as pieces, part.open("wb") as out:
            for piece in pieces:
                out.write(piece)
                digest.update(piece)
                size += len(piece)
        if size != file.size:
            raise ConnectionLostError(f"{file.path}: {size} of {file.size} bytes came")
        part.replace(place)
    except OSError as error:
        raise ToolError(f"cannot write {place}: {error.strerror}; make room there, then `esd-deploy fetch` goes on") from error
    finally:
        part.unlink(missing_ok=True)
    return FileRecord(path=file.path, size=size, sha256=digest.hexdigest())


def understood(record: RunRecord, folder: Path) -> RunRecord:
    """The record with what the job itself reported; what it did not report stays unknown."""
    wireup = _report(folder / "esd" / "wireup.json")
    pull = _report(folder / "esd" / "pull.json")
    try:
        return record.model_copy(
            update={
                "hosts": _STRINGS.validate_python(wireup.get("hosts", ())),
                "ranks": wireup.get("size"),
                "pull": PullRecord.model_validate(pull) if pull else None,
                "versions": _VERSIONS.validate_python(_report(folder / "esd" / "versions.json")),
                "metrics": _METRICS.validate_python(_report(folder / "metrics.json")),
            }
        )
    except ValidationError as error:
        raise ToolError(f"{folder}: a report of the job is not as expected (metrics.json must be {{name: number}}): {error}") from error


_STRINGS = TypeAdapter(tuple[str, ...])
_VERSIONS = TypeAdapter(dict[str, str])
_METRICS = TypeAdapter(dict[str, int | float])


def _report(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ToolError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ToolError(f"{path}: expected a JSON object")
    return content
