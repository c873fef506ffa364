"""Tunnels: a request becomes a stream of bytes in both directions, to a port that the login node reaches.

UNICORE's HTTP upgrade `UNICORE-Socket-Forwarding`: after the answer 101, both sides send what they like. As with UNICORE's TSI, a tunnel
ends as a whole as soon as one side closes: half-closed tunnels do not exist.
"""

import asyncio
import errno
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from esd_localsite.files.processes import Account

PROTOCOL = "UNICORE-Socket-Forwarding"
SWITCH = "esd.switch"
"""The ASGI extension that answers 101 and takes the connection out of HTTP: a function without arguments that returns a `Stream`."""
MOST_EACH = 50
"""Open tunnels of one user."""
MOST = 500
IDLE_S = 3600.0
"""A tunnel in which nothing moves for so long is closed."""
PIECE = 64 * 1024
_CONNECT_S = 10.0
_LAST_PORT = 65535
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 6))
_log = logging.getLogger("esd_localsite.tunnels")


class Stream(Protocol):
    """One end of a tunnel."""

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises OSError."""
        ...

    async def write(self, data: bytes) -> None:
        """Returns as soon as there is room for more. Raises OSError."""
        ...

    async def close(self) -> None:
        """Closes it, after what was written."""
        ...


@dataclass(frozen=True)
class TcpStream:
    """A stream over asyncio's reader and writer."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def read(self) -> bytes:
        return await self.reader.read(PIECE)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        self.writer.close()


Opening = Callable[[], Awaitable[Stream]]
"""Opens the far end. Raises OSError."""


@dataclass
class Tunnels:
    """All open tunnels of a site's server. `clock` returns seconds."""

    most_each: int = MOST_EACH
    idle_s: float = IDLE_S
    clock: Callable[[], float] = time.monotonic
    _of: Counter[str] = field(default_factory=Counter)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def has_room(self, user: str) -> bool:
        return self._of[user] < self.most_each and self._of.total() < MOST

    def start(self, user: str, near: Stream, far: Opening) -> None:
        """Open the far end and join both, in the background."""
        self._of[user] += 1
        task = asyncio.get_running_loop().create_task(self._run(user, near, far))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, user: str, near: Stream, far: Opening) -> None:
        try:
            await self._joined(near, await far())
        except OSError as error:
            _log.info("a tunnel of %s ends: %s", user, error.strerror or type(error).__name__)
        finally:
            self._of[user] -= 1
            await near.close()

    async def _joined(self, near: Stream, far: Stream) -> None:
        """Move bytes until one side ends, or nothing has moved for long."""
        moved = [self.clock()]
        ways = {asyncio.ensure_future(self._move(source, target, moved)) for source, target in ((near, far), (far, near))}
        try:
            while (left := moved[0] + self.idle_s - self.clock()) > 0:
                done, _ = await asyncio.wait(ways, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if done:
                    break
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await far.close()

    async def _move(self, source: Stream, target: Stream, moved: list[float]) -> None:
        while data := await source.read():
            moved[0] = self.clock()
            await target.write(data)
            moved[0] = self.clock()


@dataclass(frozen=True)
class SwitchedAnswer:
    """The answer 101, as an ASGI application: what follows in the connection goes to the far end and back."""

    tunnels: Tunnels
    user: str
    far: Opening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the signature of an ASGI application
        self.tunnels.start(self.user, scope["extensions"][SWITCH](), self.far)


def wants_tunnel(scope: Scope) -> bool:
    """Whether a request asks for this upgrade. Then its scope has the extension `SWITCH`, if it came over a network."""
    return any(name == b"upgrade" and value.lower() == PROTOCOL.lower().encode() for name, value in scope["headers"])


async def connected_as(account: Account, host: str, port: int) -> Stream:
    """A connection from the login node that belongs to the job's user, so that the kernel's rules for users apply. Raises OSError."""
    if not 0 < port <= _LAST_PORT:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_CONNECT_S):
        addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, _, _, _, address in addresses[:-1]:
            try:
                return await _connected(account, family, address)
            except OSError:
                continue
        return await _connected(account, addresses[-1][0], addresses[-1][4])


async def _connected(account: Account, family: int, address: Any) -> Stream:
    link = await run_in_threadpool(_socket_of, account, family)
    try:
        await asyncio.get_running_loop().sock_connect(link, address)
        return TcpStream(*await asyncio.open_connection(sock=link, limit=PIECE))
    except BaseException:
        link.close()
        raise


def _socket_of(account: Account, family: int) -> socket.socket:
    """A socket of the user: the kernel notes the owner when a socket is made."""
    with account.file_rights():
        link = socket.socket(family, socket.SOCK_STREAM)
    link.setblocking(False)
    # asyncio does so only for sockets made with IPPROTO_TCP. Without it, the second part of a request waits 40 ms for the first one's ACK.
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        link.setsockopt(socket.IPPROTO_TCP, option, value)
    return link
