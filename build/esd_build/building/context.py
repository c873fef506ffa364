"""A build folder: everything that a definition file names, laid side by side, so that plain `apptainer build` works in it too."""

import shutil
from collections.abc import Mapping
from pathlib import Path

ARGUMENTS = "build-arguments"
"""The file with the values of the definition's `{{ arguments }}`, for `apptainer build --build-arg-file`."""


def fill(folder: Path, contents: Mapping[str, Path], arguments: Mapping[str, str]) -> None:
    """Copy files and folders (name in the build folder → where they are now) into an empty folder, and write the arguments."""
    for name, source in contents.items():
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    lines = (f"{name}={value}\n" for name, value in sorted(arguments.items()))
    (folder / ARGUMENTS).write_text("".join(lines), encoding="utf-8")
