"""What a user hands over to be run: a script; or several files in a folder or an archive, with the program `run.py` at their top.

That is how the neuromorphic queue takes archives; here it holds for every site. Everything is looked at before anything is sent.
"""

import re
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from esd_build.errors import UsageError

PROGRAM = "run.py"
MAX_BYTES = 200_000_000
"""Of all files together, unpacked: a small archive may hold very much."""
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NOT_SENT = re.compile(r"(^|/)(\.[^/]*|__pycache__)(/|$)")

File = tuple[str, bytes]
"""A file's path in the job's folder, and its content."""


@dataclass(frozen=True)
class Bundle:
    """A program and the files that go with it."""

    name: str
    program: bytes
    others: tuple[File, ...] = ()


def bundle(path: Path) -> Bundle:
    """What is to be run. Raises UsageError where it cannot be read, has no program, or holds what must not be sent."""
    if path.is_dir():
        found = dict(_checked(path, _folder(path)))
    elif path.name.lower().endswith(_ARCHIVES):
        found = dict(_checked(path, _archive(path)))
    else:
        return Bundle(flat_name(path), _content(path, "script"))
    if PROGRAM not in found:
        raise UsageError(
            f"{path} has no {PROGRAM} at its top, which is the program of a folder or an archive; rename yours, or move it there"
        )
    return Bundle(PROGRAM, found.pop(PROGRAM), tuple(sorted(found.items())))


def input_files(path: Path) -> tuple[File, ...]:
    """A file that goes with a script, or all files of a folder under the folder's own name."""
    if not path.is_dir():
        return ((flat_name(path), _content(path, "input")),)
    top = path.resolve().name
    return tuple((f"{top}/{name}", content) for name, content in _checked(path, _folder(path)))


def flat_name(path: Path) -> str:
    """A file's name in the job's folder: what a URL or a shell would change in it becomes `_`."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.name)
    return name if re.match(r"[A-Za-z0-9_]", name) else f"_{name[1:]}"


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{what} {path}: {error.strerror}") from error


def _folder(path: Path) -> Iterator[File]:
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield file.relative_to(path).as_posix(), _content(file, "input")


def _archive(path: Path) -> Iterator[File]:
    try:
        yield from _zip(path) if zipfile.is_zipfile(path) else _tar(path)
    except OSError as error:
        raise UsageError(f"archive {path}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"archive {path} cannot be read: {error}; pack it anew as .zip or .tar.gz, without a password") from error


def _zip(path: Path) -> Iterator[File]:
    with zipfile.ZipFile(path) as archive:
        _require_small(path, sum(member.file_size for member in archive.infolist()))
        for member in archive.infolist():
            if not member.is_dir():
                yield member.filename, archive.read(member)


def _tar(path: Path) -> Iterator[File]:
    with tarfile.open(path) as archive:
        total = 0
        for member in archive:
            total += member.size
            _require_small(path, total)
            if member.isdir():
                continue
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is None:
                raise UsageError(f"archive {path}: '{member.name}' is no plain file; pack what it leads to instead")
            yield member.name, stream.read()


def _checked(path: Path, files: Iterator[File]) -> Iterator[File]:
    """The files that are sent: no hidden ones, no caches. Raises UsageError for a name that leads elsewhere or that a site would change."""
    total = 0
    for given, content in files:
        name = given.removeprefix("./")
        if _NOT_SENT.search(name) and ".." not in PurePosixPath(name).parts:
            continue
        if not all(_NAME.fullmatch(part) for part in name.split("/")):
            raise UsageError(
                f"{path}: '{given}': names of files that are sent have letters, digits and _ . - only, and stay below; rename it"
            )
        total += len(content)
        _require_small(path, total)
        yield name, content


def _require_small(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise UsageError(
            f"{path} holds more than {MAX_BYTES // 1_000_000} MB, which is too much to go with a job; put data where the site has it"
        )
