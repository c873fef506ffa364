"""How long passing faults are borne with."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from esd_build.registry.answers import PassingFault

T = TypeVar("T")

_LOG = logging.getLogger("esd_build")
_FEWEST_TRIES = 4
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0
# A registry that never answered is more likely not there than restarting.
_UNKNOWN_HOST_S = 1.0


class Patience:
    """With one registry: `limit_s` beyond the last step forward of a piece of work, which is long enough for a registry to restart."""

    def __init__(
        self, limit_s: float = 120, *, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
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
        pause_s = min(_FIRST_PAUSE_S * 2 ** (self._count - 1), _LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)  # noqa: S311 - not for secrets
        self._patience.sleep(fault.pause_s if fault.pause_s is not None else pause_s)
