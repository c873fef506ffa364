"""Lets one client work at a time: with a lock of the kernel if the disk has file locks, else with a lock file, created atomically.

Home folders on NFS or Lustre may have no file locks (ENOLCK). There a file with its owner's name replaces them. A dead owner is noticed
by its missing process on this machine, and by the file's age on another one.
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
"""What reading raises if a lock file holds something else: the folder may come from elsewhere."""
_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK}
_REFRESH_S = 30
STALE_S = 300
"""Seconds without a sign of life after which a lock file of another machine counts as abandoned."""
_LOOK_S = 0.5


class HeldError(ToolError):
    """Another client holds the lock."""


@contextmanager
def alone(
    path: Path, *, wait: bool = False, notice: Callable[[str], None] = lambda _text: None, sleep: Callable[[float], None] = time.sleep
) -> Iterator[None]:
    """Hold the lock. If another client holds it: raises HeldError, or with `wait` names the holder once through `notice` and waits.

    Raises ToolError if the folder is not writable.
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
        notice(f"the disk of {path.parent} has no file locks; using a lock file instead")
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
    """Create the lock file exactly once, also on NFS: by a hard link, else by an exclusive create. Raises FileExistsError."""
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
    """Replace a lock whose owner is gone by `own`.

    One client at a time does this, and looks once more: the lock may belong to another client by now.
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
    """Whether a lock's owner is gone. `now` is a file written this moment, so that both times are the file server's.

    A lock without its owner's name is judged by its age: the owner may be about to write the name, or may have died before.
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
