"""Files of a storage, reached with the job user's rights."""

import grp
import os
import pwd
import re
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from esd_localsite.files import opening
from esd_localsite.files.documents import Document, unicore_second
from esd_localsite.files.processes import Account

_CHUNK = 256 * 1024
_PERMISSIONS = re.compile("".join(f"[{letter}-]" for letter in "rwx" * 3))
_FILE, _FOLDER, _PARENT = 0o640, 0o750, 0o755
_AT_A_TIME = 100
T = TypeVar("T")


class PathError(Exception):
    """A path leads out of its storage or is unusable; the message is for the client."""


@dataclass(frozen=True)
class Storage:
    """A directory tree. Refuses paths that lead out; follows links as far as the job user could. Raises PathError, OSError."""

    root: Path
    account: Account
    any_name: bool = False
    """Whether names may contain line breaks, which UNICORE refuses."""

    def path(self, name: str) -> Path:
        """The path on disk of a name in this storage: where UNICORE's TSI looks for it."""
        name = self.account.replaced(name)
        parts = PurePosixPath("/" + name).parts[1:]
        if ".." in parts or "\0" in name or ("\n" in name and not self.any_name):
            raise PathError(f"Path '{name}' does not stay inside the storage")
        return self.root.joinpath(*parts)

    def properties(self, name: str) -> Document:
        """A file's properties; for a directory its `content` too."""
        path = self.path(name)
        with self.account.file_rights():
            status = opening.status(path)
            own = {**_properties(status), "metadata": {}}
            if not stat.S_ISDIR(status.st_mode):
                return own
            content = {_key(self.root, entry, status): _properties(status) for entry, status in _entries(path)}
        return {**own, "content": content}

    def matching(self, name: str) -> tuple[str, ...]:
        """The regular files that a name means: the file, all files below a folder, or those that a wildcard in the last part matches."""
        path = self.path(name)
        with self.account.file_rights():
            opening.status(path.parent)
            if _leads_into_proc(path):
                return ()
            if path.is_file():
                return (name,)
            found = [path] if path.is_dir() else sorted(path.parent.glob(path.name)) if set("*?[") & set(path.name) else []
            tops = [top for top in found if not _leads_into_proc(top)]
            below = (file for top in tops for file in ([top] if top.is_file() else sorted(top.rglob("*"))))
            return tuple(str(file.relative_to(self.root)) for file in below if file.is_file())

    def common_part(self, name: str) -> PurePosixPath:
        """The folder that `matching` files are below of."""
        path = self.path(name)
        with self.account.file_rights():
            return PurePosixPath((path if path.is_dir() else path.parent).relative_to(self.root))

    def open(self, name: str) -> BinaryIO:
        """A file to read from. O_NONBLOCK: a named pipe must not hold the endpoint."""
        with self.account.file_rights():
            return opening.regular(self.path(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's bytes, in chunks."""
        with self.open(name) as stream:
            while piece := stream.read(_CHUNK):
                yield piece

    def receive(self, name: str, pieces: Iterator[bytes]) -> None:
        """Write a file, in place."""
        with self.writing(name) as stream:
            for piece in pieces:
                stream.write(piece)

    def writing(self, name: str) -> BinaryIO:
        """Begin to write a file in place, and make its folders. An interrupted upload leaves the part that arrived."""
        target = self.path(name)
        if target == self.root:
            raise PathError("A file needs a name")
        with self.account.file_rights():
            opening.require_open_way(target)
            _make(target.parent, _FOLDER, _FOLDER)
            stream = os.fdopen(opening.descriptor(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, _FILE), "wb")
            os.fchmod(stream.fileno(), _FILE)
        return stream

    def make_directory(self, name: str) -> None:
        with self.account.file_rights():
            opening.require_open_way(self.path(name))
            _make(self.path(name), _FOLDER, _PARENT)

    def remove(self, name: str) -> None:
        """Remove a file or a directory with its content, even the storage's own. Does nothing if it does not exist."""
        path = self.path(name)
        with self.account.file_rights(), suppress(FileNotFoundError):
            opening.require_open_way(path)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()

    def rename(self, source: str, target: str) -> None:
        with self.account.file_rights():
            opening.require_open_way(self.path(source))
            opening.require_open_way(self.path(target))
            self.path(source).rename(self.path(target))

    def copy(self, source: str, target: str) -> None:
        with self.account.file_rights():
            status = opening.status(self.path(source))
            if stat.S_ISDIR(status.st_mode):
                shutil.copytree(self.path(source), self.path(target), symlinks=True)
                return
        if not stat.S_ISREG(status.st_mode):  # a device has no end
            raise PathError(f"'{source}' is not a regular file")
        self.receive(target, self.pieces(source))
        with self.account.file_rights():
            self.path(target).chmod(stat.S_IMODE(status.st_mode))

    def set_permissions(self, name: str, permissions: str) -> None:
        """Set `rwxr-x---`."""
        if not _PERMISSIONS.fullmatch(permissions):
            raise PathError(f"Illegal permissions string <{permissions}>")
        with self.account.file_rights():
            opening.status(self.path(name))
            self.path(name).chmod(int("".join("01"[c != "-"] for c in permissions), 2))

    def free(self) -> int:
        """Free bytes of the disk below."""
        usage = os.statvfs(self.root)
        return usage.f_bavail * usage.f_frsize


def _leads_into_proc(path: Path) -> bool:
    """Whether a name is a link into /proc, which shows folders that the endpoint holds open for others."""
    try:
        opening.status(path)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def read_range(stream: BinaryIO, first: int, length: int) -> Iterator[bytes]:
    """A part of a file, in chunks; closes it."""
    with stream:
        stream.seek(first)
        while length > 0 and (chunk := stream.read(min(_CHUNK, length))):
            length -= len(chunk)
            yield chunk


def _make(folder: Path, mode: int, parents: int) -> None:
    """Make a folder and its parents with these modes, regardless of the process's umask. Existing folders stay unchanged."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(mode if path == folder else parents)


def _unhurried(things: Iterable[T]) -> Iterator[T]:
    """These, with a pause after every hundred, as long as the work on them took: half of the interpreter is left to other requests."""
    begun = time.perf_counter()
    for number, thing in enumerate(things, 1):
        yield thing
        if number % _AT_A_TIME == 0:
            time.sleep(time.perf_counter() - begun)
            begun = time.perf_counter()


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for entry in _unhurried(sorted(folder.iterdir())):
        with suppress(FileNotFoundError):  # removed while we look
            try:
                yield entry, opening.status(entry)
            except OSError:
                yield entry, entry.lstat()  # a link that leads nowhere, or to a place that the job user may not read


def _key(root: Path, entry: Path, status: os.stat_result) -> str:
    """Characters that JSON or a line of the TSI cannot hold are replaced. As with UNICORE, such a file is listed but cannot be fetched."""
    name = os.fsencode(entry.relative_to(root)).decode("utf-8", errors="replace").replace("\n", "?")
    return f"/{name}{'/' if stat.S_ISDIR(status.st_mode) else ''}"


def _properties(status: os.stat_result) -> Document:
    return {
        "isDirectory": stat.S_ISDIR(status.st_mode),
        "size": status.st_size,
        "owner": _user(status.st_uid),
        "group": _group(status.st_gid),
        "permissions": stat.filemode(status.st_mode)[1:],
        "lastAccessed": unicore_second(int(status.st_mtime)),
    }


@cache
def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@cache
def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
