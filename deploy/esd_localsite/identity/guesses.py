"""Counts wrong passwords. Further guesses are refused at once, before the costly check of the password."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_FREE = 5
"""Wrong passwords in a row that have no consequence: people mistype."""
_FIRST_S = 1.0
_LONGEST_S = 60.0
_KEPT = 10_000


class Guesses:
    """Wrong passwords, counted for each user at each address, and for each address. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: OrderedDict[tuple[str, ...], tuple[int, float]] = OrderedDict()

    def may_try(self, user: str, address: str) -> bool:
        """Whether another password may be checked now."""
        with self._lock:
            return all(self._clock() >= self._wrong.get(key, (0, 0.0))[1] for key in _keys(user, address))

    def was(self, user: str, address: str, *, right: bool) -> None:
        """Record that a password was checked."""
        with self._lock:
            for key in _keys(user, address):
                count = 0 if right else self._wrong.pop(key, (0, 0.0))[0] + 1
                if right:
                    self._wrong.pop(key, None)
                    continue
                beyond = count - _FREE * (1 if len(key) == 2 else 4)
                pause = min(_LONGEST_S, _FIRST_S * 2.0 ** min(beyond, 16)) if beyond >= 0 else 0.0
                self._wrong[key] = (count, self._clock() + pause)
            while len(self._wrong) > _KEPT:
                self._wrong.popitem(last=False)


def _keys(user: str, address: str) -> tuple[tuple[str, ...], ...]:
    return ((user, address), (address,))
