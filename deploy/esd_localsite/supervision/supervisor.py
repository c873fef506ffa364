"""The process that is the site: `python -m esd_localsite.supervision.supervisor NAME ROOT CONNECTION`, started by `up`.

It is init of a process namespace and owns the mount namespace that keeps the site's networks. Whenever it ends, the
kernel ends every process, mount and network of the site. A site without root has no namespaces: there it ends the rest itself.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
from pathlib import Path
from time import monotonic

from esd_localsite.cluster.network import create_network
from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import write
from esd_localsite.state.layout import LOGIN, Layout
from esd_localsite.state.plan import SitePlan
from esd_localsite.state.programs import run
from esd_localsite.state.status import SiteStatus, State, command
from esd_localsite.supervision import control
from esd_localsite.supervision.children import Children
from esd_localsite.supervision.events import Events
from esd_localsite.supervision.report import Kind, Report
from esd_localsite.supervision.startup import Stage, stages

_PR_SET_CHILD_SUBREAPER = 36
_STAGE_TIMEOUT_S = 120.0
_ASK_EVERY_S = 0.1


class StoppedError(Exception):
    """Someone asked the site to end during its start."""


class Supervisor:
    """One site's life: start, watch, stop."""

    def __init__(self, layout: Layout, plan: SitePlan, caller: socket.socket) -> None:
        self._layout = layout
        self._plan = plan
        self._caller = caller
        self._control = control.listen(layout.control)
        self._events = Events(caller, self._control)
        self._children = Children(layout)

    def live(self) -> None:
        """Run the site to its end, and record how it ended."""
        try:
            self._start()
            self._watch()
        except StoppedError:
            pass
        except LocalSiteError as error:
            self._record(State.CRASHED, str(error))
            Report(kind=Kind.FAILED, text=str(error)).send(self._caller)
            self._end()
            return
        self._end()
        self._record(State.STOPPED, f"stopped; `{command('up', self._layout.name)}` starts it")

    def _end(self) -> None:
        self._children.stop(self._events)
        if not self._layout.needs_root:
            end_descendants()  # no namespace ends them

    def _start(self) -> None:
        if self._layout.needs_root:
            self._say("network")
            isolate(self._layout)
            create_network(self._layout, self._plan)
        else:
            adopt_orphans()
        for stage in stages(self._layout, self._plan):
            self._say(stage.title)
            for daemon in stage.daemons:
                self._children.start(daemon)
            self._wait_for(stage)
        self._record(State.RUNNING, "running")
        if not Report(kind=Kind.READY).send(self._caller):
            raise StoppedError
        self._events.forget_caller()

    def _wait_for(self, stage: Stage) -> None:
        deadline = monotonic() + _STAGE_TIMEOUT_S
        while not stage.is_ready():
            self._events.wait(_ASK_EVERY_S)
            self._children.check()
            if self._events.stop_asked:
                raise StoppedError
            if monotonic() > deadline:
                raise LocalSiteError(f"{stage.title}: no answer for {_STAGE_TIMEOUT_S:g} s; the logs are in {self._layout.log('x').parent}")

    def _watch(self) -> None:
        while not self._events.stop_asked:
            self._events.wait()
            self._children.check(restart=True)
            if self._events.order_waits:
                self._obey()

    def _obey(self) -> None:
        """Carry out an order from the control socket."""
        received = control.receive(self._control)
        if received is None:
            return
        order, connection = received
        with connection:
            try:
                (self._children.kill if order.verb is control.Verb.KILL else self._children.start_again)(order.daemon)
                answer = control.DONE
            except LocalSiteError as error:
                answer = f"{error}\n".encode()
            with contextlib.suppress(OSError):
                connection.sendall(answer)

    def _say(self, text: str) -> None:
        Report(kind=Kind.PROGRESS, text=text).send(self._caller)

    def _record(self, state: State, detail: str) -> None:
        write(self._layout.status, SiteStatus.of(self._layout, self._plan, state, detail).recorded)


def isolate(layout: Layout) -> None:
    """Set up the namespaces that `unshare` gave this process: processes, names of hosts, and the host name."""
    run(("mount", "-t", "proc", "proc", "/proc"))
    for own, shared in ((layout.hosts, "/etc/hosts"), (layout.passwd, "/etc/passwd"), (layout.group, "/etc/group")):
        run(("mount", "--bind", str(own), shared))
    socket.sethostname(LOGIN)


def own_pid() -> int:
    """This process's id as seen from outside: /proc still belongs to the outer namespace."""
    return int(Path("/proc/self").readlink().name)


def end_descendants() -> None:
    """Kill what is left of the site: jobs and their processes."""
    while children := Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(int(child), 0)


def adopt_orphans() -> None:
    """Without a process namespace: become the parent of orphans that the daemons leave, so that they can be ended."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise LocalSiteError(f"prctl: {os.strerror(ctypes.get_errno())}")


def main(name: str, root: str, connection: str) -> None:
    """Supervise the site `name` below `root`. `connection`: an inherited socket's number."""
    layout = Layout(name, Path(root))
    layout.lock.write_text(f"{own_pid()}\n")
    plan = SitePlan.read(layout)
    if plan is None:
        raise LocalSiteError(f"{layout.plan} is missing; sites are started by `{command('up', name)}`")
    os.umask(0o022)
    Supervisor(layout, plan, socket.socket(fileno=int(connection))).live()


if __name__ == "__main__":
    main(*sys.argv[1:])
