"""What one answer may cost: bytes and seconds, counted at the socket, so that no library and no trick of a server gets around it.

HTTP libraries limit the time between two bytes, which does not stop a server that sends a byte a second. A limit on a body's length does
not stop an endless header. Here the whole answer counts: status line, header and body.
"""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esd_build.data.errors import ToolError, UsageError

MIB = 1024**2


class TooMuchError(ToolError):
    """A server sends more than any honest answer has."""


@dataclass(frozen=True)
class Allowance:
    """What an answer may cost: `size` bytes (None: whoever reads it counts), `seconds`, and more time for each `rate` bytes that moved."""

    size: int | None
    seconds: float
    rate: float | None = None


ANSWER = Allowance(16 * MIB, 120)
"""A JSON document, a list, a log's end."""
FILE = Allowance(None, 120, 16 * 1024)
"""A result or an image: as long as its reader wants it, and never slower than 16 KiB a second."""
LIST_S = 1800.0
"""A list that comes in many answers (pages, folders), altogether: the largest that is read, from a slow site, takes less."""
_current: ContextVar[Allowance] = ContextVar("allowance", default=ANSWER)
_until: ContextVar[float | None] = ContextVar("until", default=None)


@contextmanager
def allowed(allowance: Allowance) -> Iterator[None]:
    """Requests that are sent inside may cost this much."""
    token = _current.set(allowance)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def altogether(doing: str, *, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """All requests that are sent inside may take `LIST_S`, however quick each of them is. Raises TooMuchError."""
    until = clock() + LIST_S
    token = _until.set(until)
    try:
        yield
    except ToolError as error:
        if clock() < until:
            raise
        raise TooMuchError(
            f"{doing}: the server sent parts of the list for {LIST_S / 60:.0f} min without an end; the list was dropped, "
            "tell the server's administrator"
        ) from error
    finally:
        _until.reset(token)


class Meter:
    """What one request has cost so far. `clock` gives seconds."""

    def __init__(self, allowance: Allowance, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowance = allowance
        self._clock = clock
        self._begun = clock()
        self._until = _until.get()
        self._sent = self._received = 0

    def left_s(self) -> float:
        """Seconds until the time is over; TimeoutError where it is. What we send ourselves is given time whatever the answer gets."""
        rate = self._allowance.rate
        more = self._sent / (rate or FILE.rate or 1) + (self._received / rate if rate else 0)
        now = self._clock()
        left: float = self._begun + self._allowance.seconds + more - now
        if self._until is not None:
            left = min(left, self._until - now)
            if self._until <= now:
                raise TooMuchError("the server sends a list without an end")
        if left <= 0:
            raise TimeoutError(f"the answer is incomplete after {self._allowance.seconds + more:.0f} s, with {self._received} bytes")
        return left

    def sent(self, length: int) -> None:
        self._sent += length

    def received(self, length: int) -> None:
        """Raises TooMuchError."""
        self._received += length
        if self._allowance.size is not None and self._received > self._allowance.size:
            raise TooMuchError(
                f"the server sends more than {self._allowance.size / MIB:.0f} MiB as one answer, which no honest server does; "
                "the answer was dropped, tell its administrator"
            )


class MeteredSocket(ssl.SSLSocket):
    """A TLS connection that counts; each request begins with the first byte that is sent after an answer."""

    _meter: Meter | None = None
    _answering = False

    def _on_time(self, *, sending: bool) -> Meter:
        if self._meter is None or (sending and self._answering):
            self._meter = Meter(_current.get())
        self._answering = not sending
        return self._meter

    @contextmanager
    def _within(self, meter: Meter) -> Iterator[None]:
        """No single wait lasts longer than the whole may."""
        usual = self.gettimeout()
        if usual == 0:
            yield
            return
        left = meter.left_s()
        self.settimeout(left if usual is None else min(usual, left))
        try:
            yield
        finally:
            if self.fileno() != -1:
                self.settimeout(usual)

    def read(self, *arguments: Any) -> Any:
        meter = self._on_time(sending=False)
        with self._within(meter):
            got = super().read(*arguments)
        meter.received(got if isinstance(got, int) else len(got))
        return got

    def send(self, data: Any, flags: int = 0) -> int:
        meter = self._on_time(sending=True)
        with self._within(meter):
            length = super().send(data, flags)
        meter.sent(length)
        return length


def tls(ca_file: Path | None = None, *, besides: bool = False) -> ssl.SSLContext:
    """Verified TLS, by the authorities of `ca_file` alone, or `besides` the machine's; without a file by the machine's.

    Raises UsageError for a file that holds no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=None if besides else ca_file)
        if besides and ca_file is not None:
            context.load_verify_locations(ca_file)
    except OSError as error:
        raise UsageError(f"{ca_file}: not a readable file of certificates (PEM); it should hold the server's authority") from error
    context.sslsocket_class = MeteredSocket
    return context
