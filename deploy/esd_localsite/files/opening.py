"""Opens files that a user names, with openat2: only it can refuse paths that pass through certain places.

The endpoint's own `/proc/self/fd` shows files that it holds open for others, and the kernel asks for no right to pass a link into it. So no
such link is followed, and nothing of /proc is opened, wherever a user's links lead. Pipes and devices are not waited for, nor read.
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

_LIBC = ctypes.CDLL(None, use_errno=True)
_OPENAT2 = 437  # the same number on all architectures
_AT_FDCWD = -100
_NO_MAGIC_LINKS = 0x02
_READ = os.O_RDONLY | os.O_NONBLOCK
_LONGEST = 64 * 1024**2
"""Most bytes that are read at once; callers read larger files in pieces."""


class _How(ctypes.Structure):
    """`struct open_how` of openat2(2)."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def descriptor(path: Path | str, flags: int, mode: int = 0, *, folder: int = _AT_FDCWD) -> int:
    """As os.open, but refuses links into /proc. Raises OSError: ELOOP for such a link, EACCES for a file in /proc."""
    how = _How(flags | os.O_CLOEXEC, mode, _NO_MAGIC_LINKS)
    number: int = _LIBC.syscall(_OPENAT2, folder, os.fsencode(path), ctypes.byref(how), ctypes.sizeof(how))
    if number < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(path))
    if os.fstat(number).st_dev == _proc():
        os.close(number)
        raise PermissionError(errno.EACCES, "lies in /proc", str(path))
    return number


@cache
def _proc() -> int:
    return Path("/proc").stat().st_dev


def regular(path: Path | str, *, folder: int = _AT_FDCWD) -> BinaryIO:
    """Open a regular file to read. Raises IsADirectoryError for others: a pipe would block the endpoint, a device fill its memory."""
    number = descriptor(path, _READ, folder=folder)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise IsADirectoryError(errno.EISDIR, "no regular file", str(path))
    return os.fdopen(number, "rb")


def head(path: Path | str, most: int) -> bytes:
    """The first bytes of a regular file."""
    with regular(path) as file:
        return file.read(min(most, _LONGEST))


def tail(path: Path | str, most: int) -> bytes:
    """The last bytes of a regular file."""
    with regular(path) as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - most))
        return file.read(min(most, _LONGEST))


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a new file in place of an existing entry: a pipe or a link is removed and not written to."""
    with parent(path) as folder:
        part = f".{path.name[:200]}.{os.getpid()}.part"
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        with os.fdopen(descriptor(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode, folder=folder), "wb") as file:
            file.write(content)
        os.rename(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)


@contextmanager
def parent(path: Path) -> Iterator[int]:
    """Open the folder that contains a name, so that nobody can redirect later operations on names in it."""
    number = descriptor(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield number
    finally:
        os.close(number)


def status(path: Path) -> os.stat_result:
    """As Path.stat, but refuses links into /proc. Raises OSError."""
    number = descriptor(path, os.O_PATH)
    try:
        return os.fstat(number)
    finally:
        os.close(number)


def require_open_way(path: Path) -> None:
    """Raises OSError if the path to a name passes a link into /proc. The missing part of a path cannot lead anywhere."""
    for above in path.parents:
        try:
            status(above)
        except FileNotFoundError:
            continue
        return
