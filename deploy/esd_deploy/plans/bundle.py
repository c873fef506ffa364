"""What a user hands over to be run: a script; or several files in a folder or an archive, with the program `run.py` at their top.

That is how the neuromorphic queue takes archives; here it holds for every site. Everything is looked at before anything is sent.
"""

import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from esd_build.data.errors import UsageError

PROGRAM = "run.py"
MAX_BYTES = 200_000_000
"""Of all files together, unpacked: a small archive may hold very much."""
MOST_FILES = 10_000
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_NOT_SENT = re.compile(r"(^|/)(\.[^/]*|__pycache__)(/|$)")
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)

File = tuple[str, bytes]
"""A file's path in the job's folder, and its content."""


@dataclass(frozen=True)
class Bundle:
    """A program and the files that go with it."""

    name: str
    program: bytes
    others: tuple[File, ...] = ()


@dataclass(frozen=True)
class _Entry:
    """A file that may be sent, not read yet; `read` is None for what is no plain file."""

    name: str
    size: int
    read: Callable[[], bytes] | None


def bundle(path: Path) -> Bundle:
    """What is to be run. Raises UsageError where it cannot be read, has no program, or holds what must not be sent."""
    if path.is_dir():
        found = dict(_read(path, _folder(path)))
    elif path.name.lower().endswith(_ARCHIVES):
        found = dict(_archive(path))
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
    return tuple((f"{_top(path)}/{name}", content) for name, content in _read(path, _folder(path)))


def check_input(path: Path) -> None:
    """Raises UsageError where `input_files` would: the names, the sizes and the rights are looked at, and nothing is read."""
    if path.is_dir():
        _top(path)
    try:
        for file in [path / one.name for one in _checked(path, _folder(path))] if path.is_dir() else [path]:
            file.open("rb").close()
    except OSError as error:
        raise UsageError(f"input {error.filename}: {error.strerror}") from error


def flat_name(path: Path) -> str:
    """A file's name in the job's folder: what a URL or a shell would change in it becomes `_`."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", path.name)
    return name if re.match(r"[A-Za-z0-9_]", name) else f"_{name[1:]}"


def _top(path: Path) -> str:
    name = path.resolve().name
    if not _NAME.fullmatch(name):
        raise UsageError(f"input {path}: '{name}': a folder that is sent has letters, digits and _ . - only in its name; rename it")
    return name


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{what} {path}: {error.strerror}") from error


def _folder(path: Path) -> Iterator[_Entry]:
    """All but folders; a folder that is a link is none, because nothing below it would be found."""
    try:
        for file in sorted(path.rglob("*")):
            if file.is_symlink() or not file.is_dir():
                plain = file.is_file()
                size = file.stat().st_size if plain else 0
                yield _Entry(file.relative_to(path).as_posix(), size, partial(_content, file, "input") if plain else None)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error


def _archive(path: Path) -> tuple[File, ...]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _read(path, _zip(archive))
        with tarfile.open(path) as archive:
            files = _read(path, _tar(archive))
            while archive.fileobj and archive.fileobj.read(2**20):
                pass  # the check sum of gzip is at the very end, behind all that a tar file needs
            return files
    except OSError as error:
        raise UsageError(f"archive {path}: {error.strerror or error}") from error
    except (*_DAMAGED, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"archive {path} cannot be read: {error}; pack it again as .zip or .tar.gz, without a password") from error


def _zip(archive: zipfile.ZipFile) -> Iterator[_Entry]:
    for member in archive.infolist():
        if not member.is_dir():
            plain = not stat.S_ISLNK(member.external_attr >> 16)
            yield _Entry(member.filename, member.file_size, partial(archive.read, member) if plain else None)


def _tar(archive: tarfile.TarFile) -> Iterator[_Entry]:
    for member in archive:
        if not member.isdir():
            yield _Entry(member.name, member.size, partial(_extracted, archive, member) if member.isfile() else None)


def _extracted(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""


def _read(path: Path, entries: Iterable[_Entry]) -> tuple[File, ...]:
    """All are looked at before the first is read."""
    return tuple((one.name, one.read()) for one in list(_checked(path, entries)) if one.read)


def _checked(path: Path, entries: Iterable[_Entry]) -> Iterator[_Entry]:
    """The files that are sent: no hidden ones, no caches. Raises UsageError for what is no file, leads elsewhere, or would be renamed."""
    total = 0
    for number, one in enumerate(entries):
        if number >= MOST_FILES:
            raise UsageError(f"{path} holds more than {MOST_FILES} files, too many to go with a job; put data where the site has it")
        name = one.name.removeprefix("./")
        if _NOT_SENT.search(name) and ".." not in PurePosixPath(name).parts:
            continue
        if not all(_NAME.fullmatch(part) for part in name.split("/")):
            raise UsageError(
                f"{path}: '{one.name}': names of files that are sent have letters, digits and _ . - only, and stay below; rename it"
            )
        if one.read is None:
            raise UsageError(f"{path}: '{one.name}' is no plain file; replace it by a copy of the file")
        total += one.size
        _require_small(path, total)
        yield replace(one, name=name)


def _require_small(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise UsageError(
            f"{path} holds more than {MAX_BYTES // 1_000_000} MB, which is too much to go with a job; put data where the site has it"
        )
