"""Threads that work for all users in turn: whoever has a thousand things to do holds up nobody who has one."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable

Work = Callable[[], None]


class Turns:
    """`threads` threads; of those who have work waiting, each gets one piece done in turn."""

    def __init__(self, threads: int, name: str) -> None:
        self._waiting: OrderedDict[str, deque[Work]] = OrderedDict()
        self._change = threading.Condition()
        self._ended = False
        self._threads = [threading.Thread(target=self._work, name=f"{name} {number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, user: str, work: Work) -> None:
        """Have a piece of work done for a user; `work` raises nothing. After the end nothing is done any more."""
        with self._change:
            self._waiting.setdefault(user, deque()).append(work)
            self._change.notify()

    def stop(self) -> None:
        """Begin nothing new; what is being done goes on."""
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
