"""Lists of files with their hashes, as `sha256sum` writes them: fetched files must be exactly the tested ones."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")


def read_list(text: str) -> dict[str, str]:
    """Path → SHA-256. Raises ValueError for a line that is neither empty nor an entry."""
    entries = {}
    for line in filter(None, text.splitlines()):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"'{line}' is not a line of a list of hashes")
        entries[match[2]] = match[1]
    return entries


def problems(folder: Path, wanted: Mapping[str, str], present: Iterable[str]) -> tuple[str, ...]:
    """The differences between a folder and the list, in words. `present`: the folder's paths of the listed kind."""
    here = set(present)
    missing = (f"{name} is missing" for name in wanted if name not in here)
    added = (f"{name} is not in the list" for name in sorted(here - set(wanted)))
    changed = (f"{name} has another hash" for name in wanted if name in here and sha256(folder / name) != wanted[name])
    return (*missing, *added, *changed)


def sha256(file: Path) -> str:
    """A file's hash, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
