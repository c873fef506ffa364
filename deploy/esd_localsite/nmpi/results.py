"""A job's results: files newer than its start, below its working folder, found and read with the user's rights."""

import hashlib
import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from esd_localsite.files import opening
from esd_localsite.files.files import PathError, Storage
from esd_localsite.nmpi.program import STARTED, WORK
from esd_localsite.nmpi.records import Output
from esd_localsite.records.workspace import Workspace

_KEPT_BACK = ("reports", "application_generated_data_files")
"""Folders that the service does not return."""
_log = logging.getLogger(__name__)
_CHUNK = 1024 * 1024
_MOST = 10_000
_LARGEST = 64 * 1024**3
"""Largest result that is hashed, in bytes: a sparse file may claim any size."""
LONGEST_LOG = 4 * 1024**2
"""Bytes at the end of a log that are shown."""


def outputs(workspace: Workspace) -> tuple[Output, ...]:
    """All results. Skips links, because their targets do not belong to the job."""
    root = workspace.directory / WORK
    storage = Storage(root, workspace.account, any_name=True)
    with workspace.account.file_rights():
        try:
            since = (workspace.directory / STARTED).stat().st_mtime_ns
        except FileNotFoundError:
            return ()
        found = [path for _, path in zip(range(_MOST), _younger(root, since), strict=False)]
    return tuple(_readable(storage, (path.relative_to(root).as_posix() for path in sorted(found))))


def log(workspace: Workspace) -> str:
    """The job's output so far."""
    try:
        with workspace.account.file_rights():
            text = opening.tail(workspace.directory / "stdout", LONGEST_LOG + 1)
    except OSError:
        return ""
    cut = "[the beginning of this log is not shown]\n" if len(text) > LONGEST_LOG else ""
    return cut + text[-LONGEST_LOG:].decode(errors="replace")


def _younger(root: Path, since: int) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in _KEPT_BACK]
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(folder) / name
            try:
                status = path.lstat()
            except FileNotFoundError:  # removed while we look
                continue
            if stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= since and status.st_size <= _LARGEST:
                yield path


def _readable(storage: Storage, paths: Iterable[str]) -> Iterator[Output]:
    """A file that vanishes or cannot be read is skipped; the user still gets the others. No two have the same name."""
    named: set[str] = set()
    for path in paths:
        try:
            yield _output(storage, path, named)
        except (OSError, PathError) as error:
            _log.warning("the result %r is not given out: %s", path, error)


def _shown(path: str) -> str:
    """A path in a form that fits into a record and an address."""
    plain = (one if one.isprintable() else "".join(f"%{byte:02X}" for byte in os.fsencode(one)) for one in path)
    return "".join(plain)


def _output(storage: Storage, path: str, named: set[str]) -> Output:
    digest, size = hashlib.sha1(usedforsecurity=False), 0
    with storage.open(path) as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
            size += len(piece)
    shown, number = _shown(path), 1
    while shown in named:
        number += 1
        shown = f"{_shown(path)}~{number}"
    named.add(shown)
    return Output(path=shown, size=size, hash=digest.hexdigest(), raw=os.fsencode(path).hex() if shown != path else None)
