"""What a user hands over to be run: a script; or several files in a folder or an archive, with the program `run.py` at their top.

That is how the neuromorphic queue takes archives; here it holds for every site. Everything is looked at before anything is sent.
"""

import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

from esd_build.data.errors import UsageError
from esd_deploy.plans.carried import Ignored, place_of, require_carried

PROGRAM = "run.py"
MAX_BYTES = 200_000_000
"""Of all files together, unpacked: a small archive may hold very much."""
MOST_FILES = 10_000
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_NOT_SENT = re.compile(r"(^|/)(\.[^/]*|__pycache__)(/|$)")
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, struct.error)
_MISSHAPEN = (LookupError, ValueError, ArithmeticError)
"""What the libraries raise at an archive that is put together wrongly."""

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


def bundle(path: Path, never: Iterable[Path] = ()) -> Bundle:
    """What is to be run, but nothing below `never`.

    Raises UsageError where it cannot be read, has no program, or holds what must not be sent.
    """
    if path.is_dir():
        found = dict(_read(path, _folder(path, never)))
    elif path.name.lower().endswith(_ARCHIVES):
        found = dict(_archive(path))
    else:
        require_carried(path.name, path)
        if path.name.startswith("-"):
            raise UsageError(f"script {path}: python3 would take its name for an option; rename it")
        return Bundle(path.name, _content(path, "script"))
    if PROGRAM not in found:
        raise UsageError(
            f"{path} has no {PROGRAM} at its top, which is the program of a folder or an archive; rename yours, or move it there"
        )
    return Bundle(PROGRAM, found.pop(PROGRAM), tuple(sorted(found.items())))


def input_files(path: Path, base: Path | None = None, never: Iterable[Path] = ()) -> tuple[File, ...]:
    """A file that goes with a script, or all files of a folder. `base`: the script's folder; what lies in it keeps its place there."""
    place = _place(path, base)
    if not path.is_dir():
        return ((place, _content(path, "input")),)
    return tuple((f"{place}/{name}", content) for name, content in _read(path, _folder(path, never)))


def input_sizes(path: Path, base: Path | None = None, never: Iterable[Path] = ()) -> tuple[tuple[str, int], ...]:
    """The places and sizes (bytes) of `input_files`. Raises UsageError where that would; nothing is read."""
    place = _place(path, base)
    try:
        if path.is_dir():
            found = tuple((f"{place}/{one.name}", one.size) for one in _checked(path, _folder(path, never)))
            for name, _ in found:
                (path / name.removeprefix(f"{place}/")).open("rb").close()
            return found
        _require_plain(path, "input")
        path.open("rb").close()
        return ((place, path.stat().st_size),)
    except OSError as error:
        raise UsageError(f"input {error.filename}: {error.strerror}") from error


def _place(path: Path, base: Path | None) -> str:
    place = place_of(path, base)
    require_carried(place, path)
    return place


def _require_plain(path: Path, what: str) -> None:
    """Before it is opened: a device has no end, and a pipe may have no beginning."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{what} {path}: neither a regular file nor a folder; only those are sent")
    _require_small(path, status.st_size)


def _content(path: Path, what: str) -> bytes:
    try:
        _require_plain(path, what)
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{what} {path}: {error.strerror}") from error


def _folder(path: Path, never: Iterable[Path] = ()) -> Iterator[_Entry]:
    """All but folders; a folder that is a link is none, because nothing below it would be found."""
    ignored = Ignored(path, never)
    waiting = [""]
    while waiting:
        here = waiting.pop()
        try:
            for file in sorted((path / here).iterdir()):
                name = f"{here}/{file.name}".lstrip("/")
                is_folder = file.is_dir()
                if ignored.holds(file, name, is_folder=is_folder):
                    continue
                if is_folder and not file.is_symlink():
                    waiting.append(name)
                    continue
                plain = file.is_file()
                yield _Entry(name, file.stat().st_size if plain else 0, partial(_content, file, "input") if plain else None)
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
    except (*_DAMAGED, *_MISSHAPEN, NotImplementedError, RuntimeError) as error:
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
        require_carried(name, path)
        if one.read is None:
            raise UsageError(f"{path}: '{one.name}' is not a plain file; replace it by a copy of the file")
        total += one.size
        _require_small(path, total)
        yield replace(one, name=name)


def _require_small(path: Path, size: int) -> None:
    if size > MAX_BYTES:
        raise UsageError(
            f"{path} holds more than {MAX_BYTES // 1_000_000} MB, which is too much to go with a job; put data where the site has it"
        )
