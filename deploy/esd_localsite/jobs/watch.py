"""The thread that watches all jobs, and the thread that watches it: a stuck check delays no other."""

import logging
import threading
import time
from collections.abc import Callable

STUCK_S = 120.0
"""A longer round counts as stuck: each Slurm command has its own time limit."""
_log = logging.getLogger("esd_localsite.unicore")


class Watch:
    """Calls `round_` (0, then 1, 2, …) every `poll_s` seconds; if a call does not return, another thread takes over."""

    def __init__(self, round_: Callable[[int], None], poll_s: float, *, stuck_s: float = STUCK_S) -> None:
        self._round = round_
        self._poll_s = poll_s
        self._stuck_s = stuck_s
        self._stopping = threading.Event()
        self._begun = time.monotonic()
        self._thread = self._new(0)
        self._guard = threading.Thread(target=self._look_after, name="watchdog", daemon=True)
        self.restarts = 0

    def start(self) -> None:
        self._begun = time.monotonic()
        self._thread.start()
        self._guard.start()

    def stop(self) -> None:
        """Wait for the current round, unless it is stuck."""
        self._stopping.set()
        for thread in (self._thread, self._guard):
            if thread.is_alive():
                thread.join(self._stuck_s)

    def _new(self, first: int) -> threading.Thread:
        return threading.Thread(target=self._run, args=(first,), name="jobs", daemon=True)

    def _run(self, number: int) -> None:
        while threading.current_thread() is self._thread:
            self._begun = time.monotonic()
            self._round(number)
            number += 1
            if self._stopping.wait(self._poll_s):
                return

    def _look_after(self) -> None:
        while not self._stopping.wait(min(self._stuck_s / 4, 5.0)):
            late_s = time.monotonic() - self._begun - self._poll_s
            if late_s > self._stuck_s or not self._thread.is_alive():
                self.restarts += 1
                _log.error("the watch over the jobs has been stuck for %.0f s; another thread takes over", late_s)
                self._begun = time.monotonic()
                self._thread = self._new(1)
                self._thread.start()
