"""Performs stage-in and stage-out file by file; files with `FailOnError: false` may fail."""

from collections.abc import Callable
from functools import partial

from esd_localsite.description.description import JobDescription
from esd_localsite.description.resources import DescriptionError
from esd_localsite.description.staging import Import
from esd_localsite.files.files import PathError, Storage
from esd_localsite.files.mover import Asker, Mover
from esd_localsite.records.life import Done, Event, Failed
from esd_localsite.records.records import JobRecord
from esd_localsite.records.workspace import Workspace


def is_slow(job: JobDescription) -> bool:
    """Whether stage-in waits for more than this machine's disk."""
    return any(file.data is None for file in job.imports)


_NAMELESS = "inline://"
"""No address to UNICORE, which reads it as one: something must follow."""


def stage_in(record: JobRecord, job: JobDescription, workspace: Workspace, mover: Mover) -> Event:
    """Bring all imports."""
    directory = Storage(record.directory, workspace.account)

    def bring(file: Import) -> None:
        if file.data is not None:
            workspace.write(file.path, file.data)
        else:
            mover.bring(file.source, directory, file.path, Asker(record.owner, file.credentials), _unmetered)

    if any(file.source == _NAMELESS for file in job.imports):
        return Failed(f"Processing failed: java.net.URISyntaxException: Expected authority at index {len(_NAMELESS)}: {_NAMELESS}")
    for file in job.imports:
        problem = _attempt(partial(bring, file))
        if problem and file.fail_on_error:
            return Failed(f"Stage-in failed: {file.source or 'inline'} to {file.path}: {problem}")
    return Done()


def stage_out(record: JobRecord, job: JobDescription, workspace: Workspace, mover: Mover) -> Event:
    """Send all exports."""
    directory = Storage(record.directory, workspace.account)
    for file in job.exports:
        problem = _attempt(partial(mover.send, directory, file.path, file.target, Asker(record.owner), _unmetered))
        if problem and file.fail_on_error:
            return Failed(f"Stage-out failed: {file.path} to {file.target}: {problem}")
    return Done()


def _attempt(work: Callable[[], None]) -> str | None:
    """What went wrong; None if nothing did."""
    try:
        work()
    except (PathError, DescriptionError) as error:
        return str(error)
    except OSError as error:
        return f"{error.strerror}: {error.filename}"
    return None


def _unmetered(_size: int) -> None:
    """A job shows no progress of its staging."""
