"""Which files are sent with a job, and under which names. Names and folders stay as they are; names that no site can take are refused."""

import os
import re
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import pathspec

from esd_build.data.errors import UsageError

IGNORE = ".esdignore"
"""A file in a folder, with patterns of files that are not sent, as in a .gitignore."""
_TAKEN = frozenset({"esd", "run.json", "stdout", "stderr"})
_LONGEST = 255
# UNICORE's TSI puts values for these, and decodes the rest; a backslash is a separator of paths to some clients.
_CHANGED = re.compile(r"\$(HOME|USER|LOGNAME)|%[0-9A-Fa-f]{2}|\\")


def require_carried(name: str, where: Path) -> None:
    """Raises UsageError for a path that would not arrive unchanged."""
    for part in name.split("/"):
        why = _why_not(part)
        if why:
            raise UsageError(f"{where}: cannot send {name!r}: {why}; rename it, or exclude it with {IGNORE}")


def require_free(names: Sequence[str], of_program: AbstractSet[str] = frozenset()) -> None:
    """Raises UsageError if two files would have the same place in the job's folder, or a place that the job itself needs.

    The program's own files and its inputs must not share a folder.
    """
    own = {name.partition("/")[0] for name in of_program}
    shared = own & {name.partition("/")[0] for name in names if name not in of_program}
    folders = {"/".join(name.split("/")[:depth]) for name in names for depth in range(1, name.count("/") + 1)}
    tops = {name.partition("/")[0] for name in names}
    twice = sorted(
        {name for name in names if names.count(name) > 1 or name in folders} | {name for name in tops if name.lower() in _TAKEN} | shared
    )
    if twice:
        raise UsageError(f"the files of a run need distinct names in the job's folder; rename {', '.join(twice)}")


def place_of(path: Path, base: Path | None) -> str:
    """Where an input goes: its path relative to the script if it is in the script's folder, else its own name."""
    here = Path(os.path.abspath(path))  # noqa: PTH100 - a link keeps its own name
    top = Path(os.path.abspath(base)) if base else None  # noqa: PTH100 - as above
    if top is not None and here != top and here.is_relative_to(top):
        return here.relative_to(top).as_posix()
    return here.name


class Ignored:
    """What is not sent from a folder: hidden files, caches, what its .esdignore says, and runs, whose results would pile up."""

    def __init__(self, folder: Path, never: Iterable[Path] = ()) -> None:
        self._never = {path.resolve() for path in never}
        self._patterns = _patterns(folder / IGNORE)

    def holds(self, path: Path, name: str, *, is_folder: bool) -> bool:
        """Whether a file, or a folder with its content, is not sent. `name`: its path in the folder that is sent."""
        own = name.rpartition("/")[2]
        if own.startswith(".") or own == "__pycache__" or self._patterns.match_file(f"{name}/" if is_folder else name):
            return True
        return is_folder and (path.resolve() in self._never or is_run(path))


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / "run.json").is_file() and (folder / "esd").is_dir()


def _patterns(path: Path) -> pathspec.GitIgnoreSpec:
    try:
        return pathspec.GitIgnoreSpec.from_lines(path.read_text(encoding="utf-8").splitlines())
    except (FileNotFoundError, NotADirectoryError):
        return pathspec.GitIgnoreSpec.from_lines([])
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the patterns in {path} ({error}); write one a line, as in a .gitignore") from error


def _why_not(part: str) -> str:
    if part in {"", ".", ".."}:
        return "it leads out of the folder"
    if any(0xD800 <= ord(one) <= 0xDFFF for one in part):
        return "its name is not UTF-8"
    if not part.isprintable():
        return "its name contains a control character"
    if len(os.fsencode(part)) > _LONGEST:
        return f"its name is longer than {_LONGEST} bytes"
    return "a server would change its name" if _CHANGED.search(part) else ""
