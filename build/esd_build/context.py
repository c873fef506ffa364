"""A build folder: everything that a definition file names, laid side by side, so that plain `apptainer build` works in it too."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

ARGUMENTS = "build-arguments"
"""The file with the values of the definition's `{{ arguments }}`, for `apptainer build --build-arg-file`."""


def fill(folder: Path, contents: Mapping[str, Path], arguments: Mapping[str, str]) -> None:
    """Fill an empty folder with files and folders (name in it → where they are now), linked where that is possible, and the arguments."""
    for name, source in contents.items():
        target = folder / name
        if source.is_dir():
            shutil.copytree(source, target, copy_function=link_or_copy)
        else:
            link_or_copy(source, target)
    lines = (f"{name}={value}\n" for name, value in sorted(arguments.items()))
    (folder / ARGUMENTS).write_text("".join(lines), encoding="utf-8")


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """A second name for a file; a copy where file system or ownership do not allow that."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
