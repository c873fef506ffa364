"""How long a request is repeated, and with which pauses: for registries and sites."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from esd_build.data.errors import EsdError

T = TypeVar("T")

_LOG = logging.getLogger("esd_build")
ANSWER_S = 120
"""How long a failed request is repeated: long enough for a server to restart."""
_FEWEST_TRIES = 4
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
"""Both are means of random pauses, so that many clients of one server return at different times."""
# A server that never answered is more likely missing than restarting.
_UNKNOWN_HOST_S = 1.0


class PassingFault(Exception):  # noqa: N818 - not an error yet: a patient caller never sees it
    """A failure that may pass; `final` is the error if it does not. `pause_s`: the pause that the server asked for, if any."""

    def __init__(self, final: EsdError, pause_s: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.pause_s = pause_s


def pause_s(faults: int) -> float:
    """Seconds until the next attempt after so many failures in a row: random, twice as long on average each time."""
    return min(_FIRST_PAUSE_S * 2.0 ** (min(faults, 32) - 1), _LONGEST_PAUSE_S) * random.uniform(0, 2)  # noqa: S311 - not for secrets


class Patience:
    """Patience with one server: how many seconds it may fail since the work last made progress."""

    def __init__(
        self, limit_s: float = ANSWER_S, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_s = limit_s
        self.has_answered = False
        self.sleep = sleep
        self.clock = clock

    @property
    def limit_s(self) -> float:
        return self._limit_s if self.has_answered else min(_UNKNOWN_HOST_S, self._limit_s)

    def answered(self) -> None:
        """The server has answered: from now on, silence counts as a restart."""
        self.has_answered = True

    def call(self, action: Callable[[], T]) -> T:
        """The action's result. The action is repeated after each passing fault, so it must be repeatable."""
        faults = Faults(self)
        while True:
            try:
                return action()
            except PassingFault as fault:
                faults.bear(fault)


class Faults:
    """Consecutive faults of one piece of work."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._count = 0
        self._since = 0.0

    def forward(self) -> None:
        """The work made progress, so the count of faults restarts."""
        self._count = 0

    def bear(self, fault: PassingFault) -> None:
        """Wait a moment; raises the fault's final error after too many in a row."""
        now = self._patience.clock()
        self._since = now if self._count == 0 else self._since
        self._count += 1
        if self._count >= _FEWEST_TRIES and now - self._since >= self._patience.limit_s:
            raise fault.final from fault
        if self._count == _FEWEST_TRIES:
            _LOG.warning("%s; trying again, for %.0f s at most", fault.final, self._patience.limit_s)
        self._patience.sleep(fault.pause_s if fault.pause_s is not None else pause_s(self._count))
