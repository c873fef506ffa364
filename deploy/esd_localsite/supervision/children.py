"""The supervisor's children: starts, watches and ends them. For a process that is init of its own process namespace."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from time import monotonic

from esd_localsite.cluster.accounts import account
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import tail
from esd_localsite.state.layout import Layout
from esd_localsite.state.programs import environment, find_program
from esd_localsite.supervision.daemons import Daemon
from esd_localsite.supervision.events import Events

_MOST_RESTARTS = 5
_RESTART_WINDOW_S = 120.0
"""A daemon that ends more often in this time is broken and not restarted."""


class DaemonEndedError(LocalSiteError):
    """A daemon of the site ended by itself."""


class Children:
    """The running daemons. As init, this process also reaps orphans (such as every Slurm job)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._running: dict[int, Daemon] = {}
        self._ended: list[tuple[Daemon, int]] = []
        self._killed: dict[str, Daemon] = {}
        self._restarts: dict[str, list[float]] = {}

    def start(self, daemon: Daemon) -> None:
        """Start a daemon with a new log for its output."""
        program = find_program(daemon.argv[0]) or daemon.argv[0]
        user = account(daemon.user) if daemon.user else None
        with self._layout.log(daemon.name).open("wb") as log:
            process = subprocess.Popen(
                (program, *daemon.argv[1:]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment(daemon.environment),
                user=user.pw_uid if user else None,
                group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
                start_new_session=True,
            )
        self._running[process.pid] = daemon
        process.returncode = 0  # this class waits for the process: Popen must not

    def kill(self, name: str) -> None:
        """Kill a daemon on purpose, as in a crash; this is not a failure of the site. Raises LocalSiteError if it does not run."""
        pid = next((pid for pid, daemon in self._running.items() if daemon.name == name), None)
        if pid is None:
            raise LocalSiteError(f"no daemon '{name}' runs (running: {', '.join(sorted(d.name for d in self._running.values()))})")
        self._killed[name] = self._running.pop(pid)
        end = os.killpg if self._killed[name].restarts else os.kill  # without it, the TSI's workers would continue to serve
        end(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)  # its port is free when this returns

    def start_again(self, name: str) -> None:
        """Start a daemon that was killed; does nothing if it runs."""
        if name in self._killed:
            self.start(self._killed.pop(name).anew)

    def check(self, *, restart: bool = False) -> None:
        """Handle all processes that ended. Raises DaemonEndedError, with the end of the log, for a daemon that is not restarted."""
        self._reap()
        while self._ended:
            daemon, code = self._ended.pop(0)
            if not (restart and self._may_restart(daemon)):
                raise DaemonEndedError(ended_message(daemon, code, self._layout.log(daemon.name)))
            self._keep_log(daemon)
            self.start(daemon.anew)

    def _may_restart(self, daemon: Daemon) -> bool:
        now = monotonic()
        recent = [moment for moment in self._restarts.get(daemon.name, []) if moment > now - _RESTART_WINDOW_S]
        self._restarts[daemon.name] = [*recent, now]
        return daemon.restarts and len(recent) < _MOST_RESTARTS

    def _keep_log(self, daemon: Daemon) -> None:
        """Keep the log of the daemon that ended beside the new one."""
        log = self._layout.log(daemon.name)
        with contextlib.suppress(FileNotFoundError):
            log.replace(log.with_suffix(".old.log"))

    def _reap(self) -> None:
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0] != 0:
                daemon = self._running.pop(ended[0], None)
                if daemon is not None:
                    self._ended.append((daemon, os.waitstatus_to_exitcode(ended[1])))
        except ChildProcessError:
            pass  # none left

    def stop(self, events: Events) -> None:
        """Ask all daemons to end, the last started first; each gets some seconds. The kernel ends the others."""
        for pid in reversed(list(self._running)):
            os.kill(pid, signal.SIGTERM)
            deadline = monotonic() + self._running[pid].stop_seconds
            while pid in self._running and (left := deadline - monotonic()) > 0:
                events.wait(left)
                self._reap()


def ended_message(daemon: Daemon, code: int, log: Path) -> str:
    """The message about a daemon that ended by itself."""
    how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"{daemon.name} {how}; its log is {log}, which ends with:\n{tail(log)}"
