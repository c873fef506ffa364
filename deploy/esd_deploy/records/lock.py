"""One client at a time: a lock of the kernel where the disk has such, else a lock file that is created atomically.

Home folders on NFS or Lustre may have no file locks (ENOLCK). There a file with its owner's name takes their place. A dead owner is seen
by its process on this machine, and by the file's age on another one.
"""

import errno
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from esd_build.data.errors import ToolError

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_NO_OWNER = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)
"""What reading raises where a lock file holds something else: the folder may come from elsewhere."""
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
_REFRESH_S = 30
STALE_S = 300
"""Seconds without a sign of life after which a lock file of another machine counts as left behind."""
_LOOK_S = 0.5


class HeldError(ToolError):
    """Somebody else has the lock."""


@contextmanager
def alone(
    path: Path, *, wait: bool = False, notice: Callable[[str], None] = lambda _text: None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock. Without `wait`, raises HeldError if it is held; with it, `notice` names the holder once.

    Raises ToolError where the folder cannot be written to.
    """
    told = False
    while True:
        try:
            release = _take(path, notice)
            break
        except HeldError as held:
            if not wait:
                raise
            if not told:
                notice(str(held))
            told = True
            sleep(_LOOK_S)
    try:
        yield
    finally:
        release()


def _take(path: Path, notice: Callable[[str], None]) -> Callable[[], None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise HeldError(f"{path.parent.name}: another esd-deploy is working on this run") from error
    except OSError as error:
        os.close(descriptor)
        if error.errno not in _NO_LOCKS:
            raise ToolError(f"cannot lock {path}: {error.strerror}") from error
        notice(f"the disk of {path.parent} has no file locks; a lock file takes their place")
        try:
            return _take_file(path.with_name(f"{path.name}.held"))
        except OSError as trouble:
            raise ToolError(f"cannot write {path}.held: {trouble.strerror}") from trouble
    return lambda: os.close(descriptor)


def _take_file(path: Path) -> Callable[[], None]:
    own = path.with_name(f"{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}")
    own.write_text(json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": time.time()}), encoding="utf-8")
    try:
        _make_once(own, path)
    except FileExistsError as error:
        if not _taken_over(path, own):
            raise HeldError(f"{path.parent.name}: {_owner(path)} is working on this run") from error
    finally:
        own.unlink(missing_ok=True)
    number = path.stat().st_ino
    ended = threading.Event()
    threading.Thread(target=_keep_fresh, args=(path, ended), daemon=True).start()

    def release() -> None:
        ended.set()
        with suppress(OSError):
            if path.stat().st_ino == number:  # else another client took it over meanwhile
                path.unlink()

    return release


def _make_once(own: Path, path: Path) -> None:
    """A hard link is made once, whoever tries, on NFS too; a disk without hard links has the exclusive create. Raises FileExistsError."""
    try:
        os.link(own, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        with path.open("x", encoding="utf-8") as file:
            file.write(own.read_text(encoding="utf-8"))


def _keep_fresh(path: Path, ended: threading.Event) -> None:
    while not ended.wait(_REFRESH_S):
        with suppress(OSError):
            os.utime(path)


def _taken_over(path: Path, own: Path) -> bool:
    """Put `own` in the place of a lock whose owner is gone.

    One client at a time does it, and looks once more when it is alone: the lock may be another's by now.
    """
    guard, taken = path.with_name(f"{path.name}.over"), False
    with suppress(OSError):
        if not _is_stale(path, own):
            return False
        try:
            guard.mkdir()
        except FileExistsError:
            if own.stat().st_mtime - guard.stat().st_mtime > STALE_S:
                guard.rmdir()
            return False
        if _is_stale(path, own):
            own.replace(path)
            taken = True
        guard.rmdir()
    return taken


def _is_stale(path: Path, now: Path) -> bool:
    """Whether a lock's owner is gone. `now` was written this moment: both times are the file server's.

    A lock without its owner's name is judged by its age: the owner may be about to write it, or died before.
    """
    with suppress(*_NO_OWNER):
        told = json.loads(path.read_bytes())
        if told["host"] == socket.gethostname():
            return not _is_alive(int(told["process"]))
    return now.stat().st_mtime - path.stat().st_mtime > STALE_S


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _owner(path: Path) -> str:
    try:
        told = json.loads(path.read_bytes())
        return f"esd-deploy on {told['host']} (process {told['process']}, since {time.time() - told['since']:.0f} s)"
    except _NO_OWNER:
        return "another esd-deploy"
