"""A run's files as a browser may have them: pictures and text to look at, all else to keep. None of them can act.

Results are written by programs that nobody has checked. A browser gets only types that hold no program, and may not guess another one; a
vector picture, which can hold one, is sent in a sandbox in which nothing runs.
"""

import os
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from starlette.responses import StreamingResponse

from esd_build.data.errors import UsageError
from esd_deploy.plans import paths
from esd_deploy.records import record
from esd_deploy.records.record import RunRecord
from esd_deploy.ui.shelf import Shelf

PICTURES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".svg": "image/svg+xml",
}  # fmt: skip
_TEXT = "text/plain; charset=utf-8"
_TEXTS = frozenset(
    {".txt", ".log", ".csv", ".tsv", ".json", ".jsonl", ".py", ".yaml", ".yml", ".nestml", ".md", ".dat", ".gdf", ".out", ".err"}
)
_LOGS = frozenset({"stdout", "stderr"})
_MOST_TO_LOOK_AT = 20 * 1024**2
_PIECE = 1024**2
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def is_picture(path: str, size: int) -> bool:
    """Whether a page shows it."""
    return PurePosixPath(path).suffix.lower() in PICTURES and size <= _MOST_TO_LOOK_AT


def kind_of(path: str, size: int) -> str | None:
    """The type under which a browser shows a file; None for one that it shall keep."""
    suffix = PurePosixPath(path).suffix.lower()
    if size > _MOST_TO_LOOK_AT:
        return None
    return PICTURES.get(suffix) or (_TEXT if suffix in _TEXTS or path in _LOGS else None)


def answer(shelf: Shelf, run_id: str, path: str) -> StreamingResponse:
    """One file of a run that its record names. Raises UsageError for any other one, ToolError for what is no plain file."""
    known = record.own(shelf.runs, run_id)
    if path not in _named(known):
        raise UsageError(f"run '{run_id}' has no file {path!r} here; its page lists those that it has")
    try:
        file = paths.opened(shelf.runs / run_id, path)
    except OSError as error:
        raise UsageError(f"{path} of run '{run_id}': {error.strerror}; `esd-deploy fetch {run_id}` fetches it again") from error
    size = os.fstat(file.fileno()).st_size
    kind = kind_of(path, size)
    headers = {
        "Content-Length": str(size),
        "Content-Security-Policy": _SANDBOX,
        "Content-Disposition": f"{'inline' if kind else 'attachment'}; filename*=UTF-8''{quote(PurePosixPath(path).name, safe='')}",
    }
    return StreamingResponse(_pieces(file), headers=headers, media_type=kind or "application/octet-stream")


def _named(known: RunRecord) -> frozenset[str]:
    return frozenset({record.FILE_NAME, *(one.path for one in known.files), *known.staged})


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
