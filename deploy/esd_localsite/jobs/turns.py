"""Threads that work for all users in turn: a user with a thousand tasks does not delay a user with one."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

Work = Callable[[], None]


class Turns:
    """`threads` threads. Each user with waiting work gets one piece done in turn."""

    def __init__(self, threads: int, name: str) -> None:
        self._waiting: OrderedDict[str, deque[Work]] = OrderedDict()
        self._change = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._work, name=f"{name} {number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, user: str, work: Work) -> None:
        """Do a piece of work for a user; `work` must not raise. After the end, nothing more is done."""
        with self._change:
            self._waiting.setdefault(user, deque()).append(work)
            self._change.notify()

    def stop(self) -> None:
        """Begin nothing new; work in progress continues."""
        with self._change:
            self._ended = True
            self._waiting.clear()
            self._change.notify_all()

    def _work(self) -> None:
        while (work := self._next()) is not None:
            work()

    def _next(self) -> Work | None:
        with self._change:
            while not self._waiting and not self._ended:
                self._change.wait()
            if self._ended:
                return None
            user, pieces = self._waiting.popitem(last=False)
            work = pieces.popleft()
            if pieces:
                self._waiting[user] = pieces  # behind the others
            return work
