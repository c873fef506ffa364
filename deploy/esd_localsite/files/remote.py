"""Storages of other UNICORE servers, read and written as one's own are. Raises PathError that names the address."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from urllib.parse import quote

import httpx

from esd_localsite.files.files import PathError

_CHUNK = 256 * 1024
_MOST_FILES = 100_000
_DEEPEST = 64
_BYTES = "application/octet-stream"
_SUBDIRECTORY_END = "/"


@dataclass(frozen=True)
class Entry:
    """What a server says of a file."""

    is_directory: bool
    size: int
    content: tuple[str, ...]
    """Paths of a directory's files and folders; those of folders end in `/`."""


@dataclass(frozen=True)
class RemoteStorage:
    """One storage at another server; `client` verifies it and shows it the credentials."""

    url: str
    client: httpx.Client

    def matching(self, name: str) -> tuple[str, ...]:
        """The files that a name means: itself, all in a folder and below, or what a wildcard in its last part matches."""
        path = _absolute(name)
        if not set("*?[") & set(path.name):
            entry = self._entry(str(path))
            return (name,) if not entry.is_directory else self._below(str(path), entry, 0)
        inside = self._entry(str(path.parent)).content
        tops = [top for top in inside if fnmatchcase(PurePosixPath(top).name, path.name)]
        return tuple(file for top in tops for file in self._expanded(str(path.parent), top, 0))

    def common_part(self, name: str) -> PurePosixPath:
        """The folder that `matching` files are below of."""
        path = _absolute(name)
        return path.parent if set("*?[") & set(path.name) else path

    def pieces(self, name: str) -> Iterator[bytes]:
        """A file's bytes. At the end their number must be what the server said, or PathError is raised."""
        expected, got = self._entry(name).size, 0
        plainly = {"Accept": _BYTES, "Accept-Encoding": "identity"}
        with self._reached(name), self.client.stream("GET", self._address(name), headers=plainly) as answer:
            self._check(answer, name)
            for piece in answer.iter_bytes(_CHUNK):
                got += len(piece)
                yield piece
        if got != expected:
            raise PathError(f"'{self._address(name)}' came with {got} bytes of {expected}: try again")

    def receive(self, name: str, pieces: Iterator[bytes]) -> None:
        """Write a file there, and ask for its size; one of another size is removed."""
        sent = 0

        def counted() -> Iterator[bytes]:
            nonlocal sent
            for piece in pieces:
                sent += len(piece)
                yield piece

        with self._reached(name):
            self._check(self.client.put(self._address(name), content=counted(), headers={"Content-Type": _BYTES}), name)
        arrived = self._entry(name).size
        if arrived != sent:
            with self._reached(name):
                self.client.delete(self._address(name))
            raise PathError(f"'{self._address(name)}' has {arrived} bytes of {sent}, and was removed: try again")

    def _below(self, folder: str, entry: Entry, depth: int) -> tuple[str, ...]:
        files = tuple(file for inner in entry.content for file in self._expanded(folder, inner, depth))
        if len(files) > _MOST_FILES:
            raise PathError(f"'{self._address(folder)}' holds more than {_MOST_FILES} files: send an archive of them")
        return files

    def _expanded(self, folder: str, path: str, depth: int) -> tuple[str, ...]:
        """A file, or all files of a folder. What the server names must lie in the folder that was asked for."""
        bare = PurePosixPath(path)
        if str(bare.parent) != str(PurePosixPath(folder)) or bare.name in {"", ".."} or depth > _DEEPEST:
            raise PathError(f"'{self._address(folder)}' is said to hold '{path}', which cannot be")
        return self._below(str(bare), self._entry(str(bare)), depth + 1) if path.endswith(_SUBDIRECTORY_END) else (path,)

    def _entry(self, name: str) -> Entry:
        with self._reached(name):
            answer = self.client.get(self._address(name), headers={"Accept": "application/json"})
        self._check(answer, name)
        try:
            said = answer.json()
            return Entry(bool(said["isDirectory"]), int(said["size"]), tuple(map(str, said.get("content") or ())))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise PathError(f"'{self._address(name)}' is no file of a UNICORE storage: its properties cannot be read") from None

    def _check(self, answer: httpx.Response, name: str) -> None:
        if answer.status_code == httpx.codes.FORBIDDEN:
            raise PathError(f"'{self._address(name)}' answers 403: give 'Credentials' that this server knows, and that may do this")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise PathError(f"'{self._address(name)}' answers 404: No such file or directory, or no such storage")
        if not answer.is_success:
            raise PathError(f"'{self._address(name)}' answers {answer.status_code}")

    @contextmanager
    def _reached(self, name: str) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PathError(f"'{self._address(name)}' cannot be reached: {error or type(error).__name__}") from error

    def _address(self, name: str) -> str:
        path = str(_absolute(name))
        return f"{self.url}/files{quote(path) if path != '/' else ''}"


def _absolute(name: str) -> PurePosixPath:
    return PurePosixPath("/" + name.lstrip("/"))
