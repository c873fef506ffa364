"""What a user asks to run: a script, or a folder or archive of several files with the program `run.py` at the top.

The neuromorphic queue accepts archives in this form; here it applies to every site. All files are checked before any is sent.
"""

import lzma
import re
import shutil
import stat
import struct
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from esd_build.data.errors import UsageError
from esd_deploy.inputs.carried import Ignored, place_of, require_carried
from esd_deploy.inputs.content import PIECE, Content, File, OnDisk, whole
from esd_deploy.sites.config import INPUT_MB

PROGRAM = "run.py"
MAX_BYTES = INPUT_MB * 1_000_000
"""Limit for all unpacked files together, if the site sets none: a small archive may contain very much."""
MAX_PROGRAM = 50_000_000
MOST_FILES = 10_000
_MOST_MEMBERS = 2 * MOST_FILES
_LONGEST_HEADER = 1024**2
_LONGEST_END = 16 * 1024**2
_HEADERS = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK})
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_NOT_SENT = re.compile(r"(^|/)(\.[^/]*|__pycache__)(/|$)")
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, struct.error)
_MISSHAPEN = (LookupError, ValueError, ArithmeticError)
"""What the libraries raise for a malformed archive."""


@dataclass(frozen=True)
class Bundle:
    """A program and the files that go with it."""

    name: str
    program: bytes
    others: tuple[File, ...] = ()


@dataclass(frozen=True)
class _Entry:
    """A file that may be sent, not read yet; `content` is None if it is not a plain file."""

    name: str
    size: int
    content: Callable[[], Content] | None


def bundle(path: Path, never: Iterable[Path] = (), most: int | None = None) -> Bundle:
    """What to run, without anything below `never`, and at most `most` bytes.

    Raises UsageError if it cannot be read, has no program, or contains something that must not be sent.
    """
    most = MAX_BYTES if most is None else most
    if path.is_dir():
        found = dict(_read(path, _folder(path, never), most))
    elif path.name.lower().endswith(_ARCHIVES):
        found = dict(_archive(path, most))
    else:
        require_carried(path.name, path)
        if path.name.startswith("-"):
            raise UsageError(f"script {path}: python3 would read its name as an option; rename it")
        return Bundle(path.name, _program(path, OnDisk.of(path, "script")))
    if PROGRAM not in found:
        raise UsageError(f"{path} has no {PROGRAM} at its top, the program of a folder or archive; rename yours, or move it there")
    return Bundle(PROGRAM, _program(path, found.pop(PROGRAM)), tuple(sorted(found.items())))


def input_files(path: Path, base: Path | None = None, never: Iterable[Path] = (), most: int | None = None) -> tuple[File, ...]:
    """A file that goes with a script, or all files of a folder; looked at, and not read.

    `base`: the script's folder; files in it keep their relative path. Raises UsageError for files that cannot be sent.
    """
    most = MAX_BYTES if most is None else most
    place = place_of(path, base)
    require_carried(place, path)
    if path.is_dir():
        return tuple((f"{place}/{name}", content) for name, content in _read(path, _folder(path, never), most))
    file = OnDisk.of(path, "input")
    _require_small(path, file.size, most)
    return ((place, file),)


def _program(path: Path, content: Content) -> bytes:
    if not isinstance(content, bytes):
        _require_small(path, content.size, MAX_PROGRAM, "program")
    return whole(content)


def _folder(path: Path, never: Iterable[Path] = ()) -> Iterator[_Entry]:
    """All entries except folders. A link to a folder counts as an entry, because nothing below it would be found."""
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
                yield _Entry(name, file.stat().st_size if plain else 0, partial(OnDisk.of, file, "input") if plain else None)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from error


class _Member(tarfile.TarInfo):
    """A member whose header is short. A few kilobytes of an archive unpack to a header of gigabytes, which is read as a whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


class _Unpacked:
    """A temporary folder for an archive's content, with numbers as names: no name from the archive is used on this machine."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="esd-deploy-"))
        self._number = 0
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)

    def file(self, stream: IO[bytes] | None) -> OnDisk:
        """One member; the libraries read no more of it than its declared size."""
        self._number += 1
        place = self._folder / str(self._number)
        with place.open("wb") as out:
            if stream is not None:
                shutil.copyfileobj(stream, out, PIECE)
        return OnDisk(place, place.stat().st_size, keeper=self)


def _archive(path: Path, most: int) -> tuple[File, ...]:
    unpacked = _Unpacked()
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _read(path, _zip(archive, unpacked), most)
        with tarfile.open(path, tarinfo=_Member) as archive:
            files = _read(path, _tar(archive, unpacked), most)
            _require_end(archive)
            return files
    except OSError as error:
        raise UsageError(f"archive {path}: {error.strerror or error}") from error
    except (*_DAMAGED, *_MISSHAPEN, NotImplementedError, RuntimeError) as error:
        raise UsageError(f"cannot read the archive {path}: {error}; pack it again as .zip or .tar.gz, without a password") from error


def _require_end(archive: tarfile.TarFile) -> None:
    """The check sum of gzip is at the very end, behind all that a tar file needs: some zeros at most."""
    left = _LONGEST_END
    while archive.fileobj and (piece := archive.fileobj.read(2**20)):
        left -= len(piece)
        if left < 0:
            raise tarfile.ReadError("something else follows")


def _zip(archive: zipfile.ZipFile, unpacked: _Unpacked) -> Iterator[_Entry]:
    def content(member: zipfile.ZipInfo) -> OnDisk:
        with archive.open(member) as stream:
            return unpacked.file(stream)

    for number, member in enumerate(archive.infolist()):
        _require_few(number)
        if not member.is_dir():
            plain = not stat.S_ISLNK(member.external_attr >> 16)
            yield _Entry(member.filename, member.file_size, partial(content, member) if plain else None)


def _tar(archive: tarfile.TarFile, unpacked: _Unpacked) -> Iterator[_Entry]:
    def content(member: tarfile.TarInfo) -> OnDisk:
        return unpacked.file(archive.extractfile(member))

    for number, member in enumerate(archive):
        _require_few(number)
        if not member.isdir():
            yield _Entry(member.name, member.size, partial(content, member) if member.isfile() else None)


def _require_few(number: int) -> None:
    """Folders count too: they cost memory, and nothing of the archive's size."""
    if number >= _MOST_MEMBERS:
        raise tarfile.ReadError(f"it has more than {_MOST_MEMBERS} entries")


def _read(path: Path, entries: Iterable[_Entry], most: int) -> tuple[File, ...]:
    """Check all files before the first is read."""
    return tuple((one.name, one.content()) for one in list(_checked(path, entries, most)) if one.content)


def _checked(path: Path, entries: Iterable[_Entry], most: int) -> Iterator[_Entry]:
    """The files to send, without hidden files and caches. Raises UsageError for entries that are no files, lead out or would be renamed."""
    total = 0
    for number, one in enumerate(entries):
        if number >= MOST_FILES:
            raise UsageError(f"{path} contains more than {MOST_FILES} files, too many to send with a job; store data at the site")
        name = one.name.removeprefix("./")
        if _NOT_SENT.search(name) and ".." not in PurePosixPath(name).parts:
            continue
        require_carried(name, path)
        if one.content is None:
            raise UsageError(f"{path}: '{one.name}' is not a plain file; replace it with a copy of the file")
        total += one.size
        _require_small(path, total, most)
        yield replace(one, name=name)


def _require_small(path: Path, size: int, most: int, what: str = "") -> None:
    if size > most:
        raise UsageError(
            f"{path}: {what or 'it'} holds more than {most // 1_000_000} MB, too much to go with a job; put data where the site has it"
        )
