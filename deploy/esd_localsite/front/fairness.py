"""Whose turn it is: each user has a separate queue, so that a user with many requests delays only their own.

All requests share one interpreter, which works on one at a time, so each user's requests in progress are limited. A user who has
used more than the others, while they ask too, gets one. Requests that carry a file last as long as the transfer and mostly wait
for the network: they have a separate lane.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from esd_localsite.jobs.faults import carries_file

AT_ONCE = 4
GREEDY_AT_ONCE = 1
FILES_AT_ONCE = 16
GREEDY_FILES_AT_ONCE = 2
MOST_WAITING = 200
"""Waiting requests of one user, for each lane; beyond that the answer is 429."""
_HALF_LIFE_S = 2.0
_COUNTS_S = 0.02
"""Users who used less than this lately are never held back."""


class TooManyError(Exception):
    """A user has too many waiting requests."""


@dataclass
class Line:
    """One user's requests: in progress, waiting, and the seconds used lately (halved every two seconds)."""

    running: int = 0
    waiting: deque["asyncio.Future[None]"] = field(default_factory=deque)
    used: float = 0.0
    at: float = 0.0

    def faded(self, now: float) -> float:
        """The seconds used, decayed until now."""
        self.used *= 0.5 ** ((now - self.at) / _HALF_LIFE_S)
        self.at = now
        return self.used


class Lane:
    """The queues of all users, for one event loop. `clock` returns seconds."""

    def __init__(self, usual: int, greedy: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._usual, self._greedy = usual, greedy
        self._clock = clock
        self._lines: dict[str, Line] = {}

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[None]:
        """Wait for the user's turn. Raises TooManyError."""
        line = self._lines.setdefault(user, Line(at=self._clock()))
        await self._admitted(line)
        begun = self._clock()
        try:
            yield
        finally:
            line.faded(self._clock())
            line.used += self._clock() - begun
            line.running -= 1
            self._go_on()

    async def _admitted(self, line: Line) -> None:
        if not line.waiting and line.running < self._most(line):
            line.running += 1
            return
        if len(line.waiting) >= MOST_WAITING:
            raise TooManyError
        mine = asyncio.get_running_loop().create_future()
        line.waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it got a turn that it no longer wants
                line.running -= 1
                self._go_on()
            raise

    def _go_on(self) -> None:
        """Give turns to those who wait, and forget users without requests."""
        now = self._clock()
        for user, line in tuple(self._lines.items()):
            while line.waiting and line.running < self._most(line):
                next_ = line.waiting.popleft()
                if not next_.done():
                    line.running += 1
                    next_.set_result(None)
            if not line.running and not line.waiting and line.faded(now) < _COUNTS_S / 10:
                del self._lines[user]

    def _most(self, line: Line) -> int:
        now = self._clock()
        others = [used for other in self._lines.values() if other is not line and (used := other.faded(now)) > _COUNTS_S]
        return self._greedy if others and line.faded(now) > sum(others) / len(others) else self._usual


class Fairness:
    """Lets each user's requests in when it is their turn; stands behind the authentication, which names the user."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._words = Lane(AT_ONCE, GREEDY_AT_ONCE)
        self._files = Lane(FILES_AT_ONCE, GREEDY_FILES_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        lane = self._files if carries_file(scope) else self._words
        try:
            async with lane.turn(_user(scope)):
                await self._app(scope, receive, send)
        except TooManyError:
            await Response(status_code=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "1"})(scope, receive, send)


def _user(scope: Scope) -> str:
    """The user, or the address of an anonymous client."""
    identity = scope.get("identity")
    return identity.name if identity else f"from {(scope.get('client') or ('',))[0]}"
