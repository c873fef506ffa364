"""How often something may happen for one address: some at once, then so many per second. Too many wait, and later ones are refused."""

import time
from collections import OrderedDict
from collections.abc import Callable

_LONGEST_S = 10.0
_KEPT = 10_000


class TooFastError(Exception):
    """So many wait already that another one would wait for too long."""


class Pace:
    """`per_s`: how often for each key; `at_once`: how many more without a pause. `clock` returns seconds."""

    def __init__(self, per_s: float, at_once: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._step = 1 / per_s
        self._ahead = at_once / per_s
        self._clock = clock
        self._next: OrderedDict[str, float] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds to wait before the next one. Raises TooFastError, which counts as none."""
        now = self._clock()
        at = max(self._next.pop(key, 0.0), now - self._ahead)
        wait = max(0.0, at - now)
        self._next[key] = at + self._step if wait <= _LONGEST_S else at
        while len(self._next) > _KEPT:
            self._next.popitem(last=False)
        if wait > _LONGEST_S:
            raise TooFastError
        return wait
