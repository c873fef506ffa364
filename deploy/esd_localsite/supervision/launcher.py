"""The supervisor seen from outside: start it detached, and end it."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from esd_localsite.errors import LocalSiteError
from esd_localsite.state import lock
from esd_localsite.state.files import tail
from esd_localsite.state.layout import Layout
from esd_localsite.state.programs import environment
from esd_localsite.supervision import daemons
from esd_localsite.supervision.report import follow

_STOP_TIMEOUT_S = 45.0
_GOING_S = 5.0
_DETACHED = ("setsid", "--fork")  # a child of init, not of the caller, who would have to wait for its end
_NAMESPACES = ("unshare", "--pid", "--mount", "--uts", "--fork", "--kill-child", "--")


def launch(layout: Layout, held: int, progress: Callable[[str], None]) -> None:
    """Start the supervisor and return when the site is ready. `held`: the site's lock, which the supervisor inherits.

    Raises LocalSiteError if the site does not come up. If the caller ends meanwhile, the supervisor ends, too.
    """
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("r") as reports:
        with theirs:
            _spawn(layout, held, theirs.fileno())
        if not follow(reports, progress):
            log = layout.log("supervisor")
            raise LocalSiteError(f"the local site ended during its start; its log is {log}, which ends with:\n{tail(log)}")


def _spawn(layout: Layout, held: int, connection: int) -> None:
    """Start it in namespaces of its own, away from the caller's terminal and session."""
    program = (sys.executable, "-m", "esd_localsite.supervision.supervisor", layout.name, str(layout.root), str(connection))
    home = {} if layout.needs_root else {name: os.environ[name] for name in ("HOME", "XDG_STATE_HOME") if name in os.environ}
    own = _NAMESPACES if layout.needs_root else ()
    with layout.log("supervisor").open("wb") as log:
        subprocess.run(
            (*_DETACHED, *own, *program),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment({**daemons.python_environment(), **home}),
            pass_fds=(held, connection),
            check=True,
        )


def end(layout: Layout, pid: int) -> None:
    """End the supervisor: in order if possible, otherwise by force. While it holds the lock, its process id is unique.

    Raises LocalSiteError if the id is not the supervisor's here: it runs in another container that shares the state directory.
    """
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        _require_visible(layout, pid, ())
        return
    try:
        _require_visible(layout, pid, _words(pid))
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not lock.is_locked(layout.lock):
                return
            signal.pidfd_send_signal(process, number)
            if select.select([process], [], [], _STOP_TIMEOUT_S)[0]:
                return
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def _require_visible(layout: Layout, pid: int, words: Sequence[str]) -> None:
    """Raises LocalSiteError if the lock is held, but process `pid` (command line `words`) does not run the site."""
    if not {layout.name, str(layout.root)} <= set(words) and not _let_go(layout):
        raise LocalSiteError(
            f"the local site '{layout.name}' is run by a process that is invisible here (number {pid} in {layout.lock}): "
            "the state directory is shared with another container, or with the machine around this one; stop the site there"
        )


def _let_go(layout: Layout) -> bool:
    """Whether the lock is free, or will be soon: a killed process has no command line, but holds the lock until it is gone."""
    deadline = time.monotonic() + _GOING_S
    while lock.is_locked(layout.lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _words(pid: int) -> tuple[str, ...]:
    """A process's command line; empty if it has ended."""
    try:
        return tuple(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0"))
    except OSError:
        return ()
