"""The content of a sent file: bytes, or a file of this machine that is read piece by piece and never held in memory as a whole."""

import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from esd_build.data.errors import ToolError, UsageError

PIECE = 1024**2
Tell = Callable[[int], None]
"""Called with the number of further bytes that were read."""


@dataclass(frozen=True)
class OnDisk:
    """A regular file of `size` bytes. With `sha256` (hex) it is a file that ran before, and must be unchanged.

    `tell` is called for each piece. `keeper` keeps its temporary folder, to which an archive was unpacked.
    """

    path: Path
    size: int
    sha256: str | None = None
    tell: Tell | None = field(default=None, compare=False, repr=False)
    keeper: object = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, path: Path, what: str) -> "OnDisk":
        """A file of the user. Raises UsageError if it cannot be read or is not a regular file: a device has no end."""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UsageError(f"{what} {path}: neither a regular file nor a folder; only those are sent")
            path.open("rb").close()
            return cls(path, path.stat().st_size)
        except OSError as error:
            raise UsageError(f"{what} {path}: {error.strerror}") from error


Content = bytes | OnDisk
File = tuple[str, Content]
"""A file's path in the job's folder, and its content."""


def size_of(content: Content) -> int:
    """In bytes."""
    return len(content) if isinstance(content, bytes) else content.size


def pieces(content: Content) -> Iterator[bytes]:
    """The whole content. Raises UsageError if the file is no longer the one that was checked."""
    if isinstance(content, bytes):
        yield content
        return
    left = content.size
    with opened(content) as file:
        while left >= 0 and (piece := file.read(PIECE)):
            left -= len(piece)
            yield piece
    if left:
        raise UsageError(f"{content.path} changed during reading; try again when nobody writes to it")


@contextmanager
def opened(content: Content) -> Iterator[io.BytesIO | io.FileIO]:
    """A readable object for another library, which learns the length from it. Raises ToolError if the disk fails."""
    if isinstance(content, bytes):
        yield io.BytesIO(content)
        return
    try:
        with _Read(content) as file:
            yield file
    except OSError as error:
        raise ToolError(f"{content.path}: {error.strerror or error}") from error


class _Read(io.FileIO):
    """A file that reports how much was read."""

    def __init__(self, content: OnDisk) -> None:
        # Do not wait: a pipe that replaced the file may have nobody at its other end.
        super().__init__(os.open(content.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        self._tell = content.tell
        if not stat.S_ISREG(os.fstat(self.fileno()).st_mode):
            self.close()
            raise ToolError(f"{content.path} is not a regular file any more")

    def read(self, size: int | None = -1, /) -> bytes:
        piece = super().read(size) or b""
        if self._tell is not None:
            self._tell(len(piece))
        return piece


def whole(content: Content) -> bytes:
    """Only for small files."""
    return content if isinstance(content, bytes) else b"".join(pieces(content))


def sha256_of(content: Content) -> str:
    """In hex."""
    digest = hashlib.sha256()
    for piece in pieces(content):
        digest.update(piece)
    return digest.hexdigest()


def require_same(content: OnDisk, found: str) -> None:
    """Raises UsageError if a file is not the one that ran before; `found`: the SHA-256 of its content, in hex."""
    if content.sha256 not in {None, found}:
        told = str(content.sha256)[:12]
        raise UsageError(f"{content.path} is not the file that ran (sha256 {told}… in the record); it has changed since")


def copy(content: Content, place: Path) -> str:
    """Write it to `place`; returns the SHA-256 (hex) of what was written. Raises UsageError as `pieces` and `require_same`."""
    digest = hashlib.sha256()
    with place.open("wb") as out:
        for piece in pieces(content):
            digest.update(piece)
            out.write(piece)
    if isinstance(content, OnDisk):
        require_same(content, digest.hexdigest())
    return digest.hexdigest()
