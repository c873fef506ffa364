"""How long a server is asked again, and with which pauses: registries and sites alike."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from esd_build.data.errors import EsdError

T = TypeVar("T")

_LOG = logging.getLogger("esd_build")
ANSWER_S = 120
"""How long one answer is asked for again and again: long enough for a server to restart."""
_FEWEST_TRIES = 4
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
"""Both are means: many clients that lost one server come back at different times."""
# A server that never answered is more likely not there than restarting.
_UNKNOWN_HOST_S = 1.0


class PassingFault(Exception):  # noqa: N818 - it is no error yet: whoever is patient enough never sees it
    """Something that may be better in a moment; `final` is the error if it is not. `pause_s` is what the server asked for, if it did."""

    def __init__(self, final: EsdError, pause_s: float | None = None) -> None:
        super().__init__(str(final))
        self.final = final
        self.pause_s = pause_s


def pause_s(faults: int) -> float:
    """Seconds until something is asked again that has failed so many times in a row: at random, twice as long on average each time."""
    return min(_FIRST_PAUSE_S * 2.0 ** (min(faults, 32) - 1), _LONGEST_PAUSE_S) * random.uniform(0, 2)  # noqa: S311 - not for secrets


class Patience:
    """With one server: how many seconds it may fail since the work last went forward."""

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
        """The server is there: from now on a silence is taken for a restart."""
        self.has_answered = True

    def call(self, action: Callable[[], T]) -> T:
        """The action's result; it is done again after each passing fault, so it must be one that may be repeated."""
        faults = Faults(self)
        while True:
            try:
                return action()
            except PassingFault as fault:
                faults.bear(fault)


class Faults:
    """The faults in a row of one piece of work."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._count = 0
        self._since = 0.0

    def forward(self) -> None:
        """The work went forward, so faults are counted anew."""
        self._count = 0

    def bear(self, fault: PassingFault) -> None:
        """Wait a moment; raises the fault's final error once there were too many in a row."""
        now = self._patience.clock()
        self._since = now if self._count == 0 else self._since
        self._count += 1
        if self._count >= _FEWEST_TRIES and now - self._since >= self._patience.limit_s:
            raise fault.final from fault
        if self._count == _FEWEST_TRIES:
            _LOG.warning("%s; trying again, for %.0f s at most", fault.final, self._patience.limit_s)
        self._patience.sleep(fault.pause_s if fault.pause_s is not None else pause_s(self._count))
