"""Where a tunnel leads: a port of a node of a run's job, once the job runs and a program listens there."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from esd_build.data.errors import UsageError
from esd_deploy.backends.connection import RUNNING, Passage
from esd_deploy.runs.patience import Sleep
from esd_deploy.runs.run import Run

_TARGET = re.compile(r"(?:(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):)?(?P<port>\d{1,5})")
_LAST_PORT = 65535
_PROBE_S = 1.0
"""A connection that was refused behind the site's server ends at once; one that lasts this long is open."""
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Target:
    """A port, and the node that has it; None: the first node of the job."""

    host: str | None
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`PORT` or `HOST:PORT`. Raises UsageError."""
        found = _TARGET.fullmatch(text)
        port = int(found["port"]) if found else 0
        if found is None or not 0 < port <= _LAST_PORT:
            raise UsageError(f"--to {text}: write PORT or HOST:PORT, e.g. 52425 or c1:52425; a port is a number from 1 to {_LAST_PORT}")
        return cls(found["host"], port)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else f"port {self.port}"

    def on_a_node(self, run: Run) -> Self:
        """The same with a node. Raises UsageError if the site does not tell the job's nodes."""
        if self.host:
            return self
        node = run.first_node()
        if node is None:
            raise UsageError(f"run {run.id}: the site does not tell on which node it runs; name it with --to HOST:{self.port}")
        return type(self)(node, self.port)

    def passage(self, run: Run) -> Passage:
        """A new connection. Raises ToolError and UsageError."""
        return run.passage(self.host or "localhost", self.port)


def found(run: Run, target: Target, *, wait: bool, notice: Notice, sleep: Sleep = time.sleep) -> Target:
    """The target on its node, as soon as a program listens there. Without `wait`, raises UsageError if that is not now."""
    told = ""
    while True:
        _require_going_on(run)
        problem = f"run {run.id} does not run yet ({run.record.status})"
        if run.record.status == RUNNING:
            here = target.on_a_node(run)
            if _answers(here.passage(run)):
                return here
            problem = f"{here} refuses connections: no program of run {run.id} listens there, or not yet"
        if not wait:
            raise UsageError(f"{problem}; --wait waits for it")
        if problem != told:
            notice(f"{problem}; waiting")
        told = problem
        sleep(run.poll_s)


def _require_going_on(run: Run) -> None:
    """Ask the site. Raises UsageError if the run has ended."""
    if not run.record.ended:
        run.refresh()
    if run.record.ended:
        raise UsageError(f"run {run.id} has ended ({run.record.status}): nothing of it listens any more")


def _answers(passage: Passage) -> bool:
    """Whether the connection stays open; closes it."""
    try:
        if passage.early:
            return True
        passage.link.settimeout(_PROBE_S)
        return bool(passage.link.recv(1))
    except TimeoutError:
        return True
    except OSError:
        return False
    finally:
        passage.link.close()
        passage.close()
