"""Whose turn it is: each user has a separate queue, so that a user with many requests delays only their own.

All requests share one interpreter, which works on one at a time, so each user's requests in progress are limited. A user who has
used far more than the others, while they ask too, gets one, and after costly work a rest: what such a user may take is a share of
the time, so that the others' requests mostly find the interpreter free. Requests that carry a file last as long as the transfer and
mostly wait for the network: they have a separate lane.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from esd_localsite.front.cost import BYTE_S, Cost, cost_of_request
from esd_localsite.jobs.faults import carries_file

AT_ONCE = 4
GREEDY_AT_ONCE = 1
FILES_AT_ONCE = 16
GREEDY_FILES_AT_ONCE = 1
REST = 6.0
"""A greedy user rests for so many times the duration of its work: it gets at most a seventh of the time."""
CHEAP_S = 0.005
"""Work that costs less in all is followed by no rest."""
MOST_WAITING = 200
"""Waiting requests of one user, for each lane; beyond that the answer is 429."""
_HALF_LIFE_S = 2.0
_COUNTS_S = 0.02
"""Users who used less than this lately are never held back."""
_FORGOTTEN_S = 1e-4
"""Less than the cheapest request: many of these are to add up."""
_ASKS_S = 0.002
"""Users who used more than this lately count among those who ask too."""
FAR_MORE = 4.0
"""Greedy is who used so many times what the others used on average. Among equals there is always somebody above the average."""


class TooManyError(Exception):
    """A user has too many waiting requests."""


@dataclass
class Usage:
    """The seconds that one user used lately, halved every two seconds; `owed`: those of greedy work that no rest has followed yet."""

    used: float = 0.0
    owed: float = 0.0
    at: float = 0.0

    def faded(self, now: float) -> float:
        """The seconds used, decayed until now."""
        self.used *= 0.5 ** ((now - self.at) / _HALF_LIFE_S)
        self.at = now
        return self.used


class Ledger:
    """What each user used lately, in all lanes together. `clock` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._usage: dict[str, Usage] = {}

    def charge(self, user: str, seconds: float) -> float:
        """Add what a request cost, and forget who used next to nothing. The answer is the rest that is due, in seconds."""
        now = self.clock()
        usage = self._usage.setdefault(user, Usage(at=now))
        usage.faded(now)
        usage.used += seconds
        for name in [name for name, one in self._usage.items() if one.faded(now) < _FORGOTTEN_S]:
            del self._usage[name]
        usage.owed = usage.owed + seconds if self.is_greedy(user) else 0.0
        if usage.owed <= CHEAP_S:
            return 0.0
        rest, usage.owed = REST * usage.owed, 0.0
        return rest

    def is_greedy(self, user: str) -> bool:
        """Whether the user used far more than the others who ask too."""
        now = self.clock()
        used = {name: one.faded(now) for name, one in self._usage.items()}
        own = used.pop(user, 0.0)
        others = [seconds for seconds in used.values() if seconds > _ASKS_S]
        return bool(others) and own > max(_COUNTS_S, FAR_MORE * sum(others) / len(others))


@dataclass
class Line:
    """One user's requests in a lane: in progress and waiting, and until when the user rests."""

    user: str
    running: int = 0
    waiting: deque["asyncio.Future[None]"] = field(default_factory=deque)
    rests_until: float = 0.0
    alarm: asyncio.TimerHandle | None = None


class Lane:
    """The queues of all users, for one event loop."""

    def __init__(self, usual: int, greedy: int, ledger: Ledger) -> None:
        self._usual, self._greedy = usual, greedy
        self._ledger = ledger
        self._clock = ledger.clock
        self._lines: dict[str, Line] = {}

    @asynccontextmanager
    async def turn(self, user: str) -> AsyncIterator[Cost]:
        """Wait for the user's turn, and learn from the work what it costs. Raises TooManyError."""
        line = self._lines.setdefault(user, Line(user))
        await self._admitted(line)
        cost = Cost()
        try:
            yield cost
        finally:
            line.running -= 1
            self._charge(line, cost)
            self._go_on()

    async def rest(self, user: str, cost: Cost) -> None:
        """The rest that is due in the middle of long work."""
        line = self._lines[user]
        self._charge(line, cost)
        if (pause := line.rests_until - self._clock()) > 0:
            await asyncio.sleep(pause)

    def _charge(self, line: Line, cost: Cost) -> None:
        if rest := self._ledger.charge(line.user, cost.seconds):
            line.rests_until = max(self._clock(), line.rests_until) + rest
        cost.seconds = 0.0

    async def _admitted(self, line: Line) -> None:
        if not line.waiting and self._may_go(line):
            line.running += 1
            return
        if len(line.waiting) >= MOST_WAITING:
            raise TooManyError
        mine = asyncio.get_running_loop().create_future()
        line.waiting.append(mine)
        self._go_on()  # nobody else may end a request before its rest is over
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
            while line.waiting and self._may_go(line):
                next_ = line.waiting.popleft()
                if not next_.done():
                    line.running += 1
                    next_.set_result(None)
            if line.waiting and line.alarm is None and line.rests_until > now:
                line.alarm = asyncio.get_running_loop().call_later(line.rests_until - now, self._rested, line)
            if not line.running and not line.waiting and line.rests_until <= now:
                del self._lines[user]

    def _rested(self, line: Line) -> None:
        line.alarm = None
        self._go_on()

    def _may_go(self, line: Line) -> bool:
        if self._ledger.is_greedy(line.user):
            return line.rests_until <= self._clock() and line.running < self._greedy
        return line.running < self._usual


class Fairness:
    """Lets each user's requests in when it is their turn; stands behind the authentication, which names the user."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        ledger = Ledger()
        self._words = Lane(AT_ONCE, GREEDY_AT_ONCE, ledger)
        self._files = Lane(FILES_AT_ONCE, GREEDY_FILES_AT_ONCE, ledger)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        user, is_file = _user(scope), carries_file(scope)
        lane = self._files if is_file else self._words
        try:
            async with lane.turn(user) as cost:
                scope["cost"] = cost
                cost.seconds += cost_of_request(scope)

                async def counted() -> Message:
                    message = await receive()
                    cost.seconds += len(message.get("body", b"")) * BYTE_S
                    return message

                async def counting(message: Message) -> None:
                    await send(message)
                    cost.seconds += len(message.get("body", b"")) * BYTE_S
                    if is_file and cost.seconds > CHEAP_S:
                        await lane.rest(user, cost)

                await self._app(scope, counted, counting)
        except TooManyError:
            await Response(status_code=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": "1"})(scope, receive, send)


def _user(scope: Scope) -> str:
    """The user, or the address of an anonymous client."""
    identity = scope.get("identity")
    return identity.name if identity else f"from {(scope.get('client') or ('',))[0]}"
