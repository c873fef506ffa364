"""Blobs: files named by their digest, and parts of them as request bodies."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import UsageError

Progress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BLOCK = 1024**2


def unseen(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Blob:
    """A file and what a registry calls it; `size` is in bytes."""

    path: Path
    digest: str
    size: int

    @classmethod
    def of(cls, path: Path) -> "Blob":
        """Read a file's digest, in constant memory. Raises UsageError if it cannot be read."""
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                return cls(path, f"sha256:{found}", file.tell())
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error


class FilePart:
    """`length` bytes of a file from `start` on, as the body of a request: read in blocks, sent again from its start by `seek(0)`."""

    def __init__(self, path: Path, start: int, length: int, on_read: Callable[[int], None]) -> None:
        self._file = path.open("rb")
        self._start = start
        self._length = length
        self._on_read = on_read
        self.seek(0)

    def __enter__(self) -> "FilePart":
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(_BLOCK):
            yield block

    def seek(self, offset: int, _whence: int = 0) -> int:
        self._done = offset
        self._file.seek(self._start + offset)
        return offset

    def tell(self) -> int:
        return self._done

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; the last ones end the part, not the file."""
        left = self._length - self._done
        block = self._file.read(left if size < 0 else min(size, left))
        if left and size and not block:
            raise UsageError(f"{self._file.name} became shorter during the upload; nothing was published, push it again")
        self._done += len(block)
        self._on_read(self._done)
        return block
