"""The locks that show whether a site runs. Processes hold them, so a crash leaves none behind."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path

from esd_localsite.state.layout import Layout

_NETWORK = Path("/proc/self/ns/net")
"""The network namespace itself: the kernel locks it as a file, for everybody who lives in it."""
_OPEN = 0o022
"""Others may read; what they may not is made with a mode of its own."""


def is_locked(path: Path) -> bool:
    """Whether some process holds the lock. Takes it for a moment as a reader, which needs no rights."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def holding(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> Iterator[int]:
    """Wait for the lock and hold it; returns the file's descriptor. A process that inherits the descriptor holds the lock, too."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def operation(layout: Layout, progress: Callable[[str], None]) -> Iterator[None]:
    """One `up` or `down` at a time on the machine: a second one says so, and waits.

    Sites with nodes also wait for sites in other root file systems that share the network, such as containers. Their state directories
    know nothing of each other, and both would take the same free network. Files that root creates meanwhile, also in the
    daemons that are started, serves other accounts: the caller's umask does not count.
    """
    with _umask(_OPEN) if layout.needs_root else nullcontext():
        yield from _alone(layout, progress)


def _alone(layout: Layout, progress: Callable[[str], None]) -> Iterator[None]:
    layout.root.mkdir(parents=True, exist_ok=True)
    locks = [(layout.operations, os.O_RDWR | os.O_CREAT), *([(_NETWORK, os.O_RDONLY)] if layout.needs_root else [])]
    if any(is_locked(path) for path, _ in locks):
        progress("waiting for another `up` or `down` on this machine")
    with ExitStack() as held:
        for path, flags in locks:
            held.enter_context(holding(path, flags))
        yield


def supervisor_pid(layout: Layout) -> int | None:
    """The supervisor's process id, from the lock file; None if nobody holds the lock."""
    if not is_locked(layout.lock):
        return None
    text = layout.lock.read_text().strip()
    return int(text) if text.isdecimal() else None
