"""Moves bytes between two connected sockets, in both directions, in one thread: a TLS connection must not be used by two at once."""

import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

LINGER_S = 60.0
"""How long the far side may think about the near side's last bytes. A tunnel cannot pass on that no more will come."""
_ANSWERED_S = 0.5
"""The same where the far side spoke last: the near side has its answer, and is probably gone."""
_PIECE = 64 * 1024
_MOST = 256 * 1024
"""Bytes that wait for a side that takes none: beyond that, the other side waits."""
_LATER = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_LOOK_S = 0.5


class End(StrEnum):
    """Which side ended first, and how."""

    NEAR = "near"
    FAR = "far"
    BROKEN = "broken"
    """The tunnel broke off: what came through it may be incomplete."""


@dataclass(frozen=True)
class Moved:
    """How a tunnel ended, and the bytes that it carried to the far side (`sent`) and back (`received`)."""

    end: End
    sent: int
    received: int


class _BrokenError(Exception):
    """The far side is gone without an orderly end."""


@dataclass
class _Way:
    """One direction."""

    source: socket.socket
    target: socket.socket
    waiting: bytearray = field(default_factory=bytearray)
    ended: bool = False
    moved: int = 0

    @property
    def has_room(self) -> bool:
        return not self.ended and len(self.waiting) < _MOST

    @property
    def over(self) -> bool:
        """Everything has arrived, and no more will come."""
        return self.ended and not self.waiting

    def read(self) -> bool:
        """Read what is there; whether anything was. Raises OSError."""
        if not self.has_room:
            return False
        try:
            data = self.source.recv(_PIECE)
        except _LATER:
            return False
        self.waiting += data
        self.ended = not data
        return True

    def write(self) -> bool:
        """Write what the target takes; whether it took anything. Raises OSError."""
        if not self.waiting:
            return False
        try:
            count = self.target.send(bytes(self.waiting[:_PIECE]))
        except _LATER:
            return False
        del self.waiting[:count]
        self.moved += count
        return True


def pump(
    near: socket.socket,
    far: socket.socket,
    early: bytes = b"",
    *,
    linger_s: float = LINGER_S,
    clock: Callable[[], float] = time.monotonic,
) -> Moved:
    """Join a local connection and a tunnel until one of them ends. `early`: what the far side has said already. Closes neither.

    After the near side's last byte, the far side can still answer: until it ends, or has been silent for too long.
    """
    for link in (near, far):
        link.setblocking(False)
        with suppress(OSError):  # not a TCP connection
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    out, back = _Way(near, far), _Way(far, near, bytearray(early))
    try:
        end = _until_an_end(out, back, linger_s, clock)
    except _BrokenError:
        end = End.BROKEN
    return Moved(end, out.moved, back.moved)


def _until_an_end(out: _Way, back: _Way, linger_s: float, clock: Callable[[], float]) -> End:
    alive, sent, received = clock(), out.moved, back.moved
    asked = True
    while True:
        moved = _stepped(back, out)
        if back.over:
            return End.NEAR if out.ended else End.FAR
        if moved:
            asked = out.moved > sent or (asked and back.moved == received)
            alive, sent, received = clock(), out.moved, back.moved
        elif out.over and clock() - alive > (linger_s if asked else min(linger_s, _ANSWERED_S)):
            return End.NEAR
        else:
            _wait(out, back)


def _stepped(back: _Way, out: _Way) -> bool:
    """Move what can be moved. Raises _BrokenError if the far side is gone; a near side that is gone has nothing more to receive."""
    try:
        moved = back.read() | out.write()
    except OSError as error:
        raise _BrokenError from error
    try:
        return moved | out.read() | back.write()
    except OSError:
        out.ended = back.ended = True
        out.waiting.clear()
        back.waiting.clear()
        return True


def _wait(out: _Way, back: _Way) -> None:
    """Wait until something can be moved, or for `_LOOK_S`."""
    poll = select.poll()
    for link, reads, writes in ((out.source, out.has_room, back.waiting), (out.target, back.has_room, out.waiting)):
        wanted = (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0)
        if not wanted:
            continue
        if link.fileno() < 0:  # closed meanwhile, by whoever ends the tunnel
            raise _BrokenError
        poll.register(link, wanted)
    poll.poll(_LOOK_S * 1000)
