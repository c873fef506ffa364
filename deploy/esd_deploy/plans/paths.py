"""Paths in a run's folder: one type for all of them, whoever wrote the name.

A path is relative and in its shortest form, so that a file has only one name: `./run.json` would be another text than `run.json`, but the
same file. On disk, no part of it may be a link, because a link can lead out.
"""

import os
import stat
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO

from pydantic import AfterValidator

from esd_build.data.errors import ToolError

_LONGEST = 1024
"""Characters; the kernel's limit is 4096 bytes, including the folder before it."""


def run_path(text: str) -> str:
    """The path, which must be relative, normalised and inside the folder. Raises ValueError."""
    parts = text.split("/")
    if len(text) > _LONGEST or any(part in {"", ".", ".."} for part in parts) or "\0" in text:
        raise ValueError(f"{text[:100]!r} is not a path inside a run's folder; such paths are relative, without '.', '..' and '//'")
    if any(0xD800 <= ord(character) < 0xE000 for character in text) or any(len(os.fsencode(part)) > 255 for part in parts):
        raise ValueError(f"a path in a run's folder has a part that is not a valid file name ({text[:50]!a})")
    return text


RunPath = Annotated[str, AfterValidator(run_path)]
"""For models."""


def shortest(text: str) -> str:
    """A RunPath from a server's spelling (`./a//b`). Raises ValueError if it is still not valid."""
    return run_path("/".join(PurePosixPath(text).parts))


def inside(folder: Path, path: str) -> Path:
    """Where a path of a run's folder is on disk. Raises ToolError if it is not such a path, or passes a link."""
    try:
        parts = run_path(path).split("/")
    except ValueError as error:
        raise ToolError(str(error)) from error
    place = folder
    for part in parts:
        place = place / part
        if place.is_symlink():
            raise ToolError(f"{place} is a link that leads out of this run's folder; nothing was read or written there")
    return place


def read(folder: Path, path: str, most: int | None = None) -> bytes:
    """A regular file of a run's folder. Raises ToolError for anything else and for more than `most` bytes, OSError as `open`."""
    place = inside(folder, path)
    with opened(folder, path) as file:
        content = file.read() if most is None else file.read(most + 1)
    if most is not None and len(content) > most:
        raise ToolError(f"{place} has more than {most // 1024} KiB, which is too much for this file")
    return content


def opened(folder: Path, path: str) -> BinaryIO:
    """A regular file of a run's folder, to read from; raises as `read`.

    Each part of the path is opened in the one before, and none by a link: what is checked is what is read, whoever changes names meanwhile.
    """
    place, (*above, name) = inside(folder, path), run_path(path).split("/")
    with ExitStack() as held:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        held.callback(os.close, at)
        for part in above:
            at = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            held.callback(os.close, at)
        file = os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ToolError(f"{place} is not a regular file; remove it")
    return file
