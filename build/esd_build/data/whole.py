"""Files and folders that appear whole or not at all: written beside their place under another name, then renamed."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(target: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """A path to write to, which becomes `target` at the end; after an error nothing is left. `mode` is narrowed by the umask.

    Two processes that write one file do not meet: each has a path of its own, and the last one to end wins. Raises OSError.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    try:
        yield part
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def write_whole(target: Path, text: str, *, mode: int = 0o666) -> None:
    """Put a text into a file, whole or not at all; its folder is made where it is missing. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target, mode=mode) as part:
        part.write_text(text, encoding="utf-8")


@contextmanager
def whole_folder(target: Path, *, remove: Callable[[Path], object] = shutil.rmtree) -> Iterator[Path]:
    """A new folder, which becomes `target` at the end, in place of an earlier one; after an error nothing is left. Raises OSError.

    `remove` takes away a folder in which other accounts may have files. Callers hold a lock: two at once would fill one folder.
    """
    part = target.with_name(f".{target.name}.part")
    if part.exists():
        remove(part)
    part.mkdir(parents=True)
    try:
        yield part
        if target.exists():
            remove(target)
        part.replace(target)
    finally:
        if part.exists():
            remove(part)
