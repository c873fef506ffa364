"""New connections: the costly beginning of TLS takes place at a limited rate for each address.

Without a limit, a client that connects and leaves, again and again, keeps the interpreter from all others.
"""

import asyncio
import ssl
from collections.abc import Callable

from esd_localsite.front.pace import Pace, TooFastError

HANDSHAKE_S = 20.0
"""Seconds from the connection to the end of the handshake, without the wait."""

Protocols = Callable[..., asyncio.Protocol]
"""Makes the protocol that speaks HTTP."""


class Doorway(asyncio.Protocol):
    """A plain connection, until it is its turn to begin TLS; then `inside` takes over."""

    def __init__(self, inside: asyncio.Protocol, context: ssl.SSLContext, pace: Pace) -> None:
        self._inside, self._context, self._pace = inside, context, pace
        self._beginning: asyncio.Task[None] | None = None
        self._early = bytearray()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a TCP server
        try:
            wait = self._pace.wait(str((transport.get_extra_info("peername") or ("",))[0]))
        except TooFastError:
            transport.abort()
            return
        self._beginning = asyncio.get_running_loop().create_task(self._begin(transport, wait))

    async def _begin(self, transport: asyncio.Transport, wait: float) -> None:
        transport.pause_reading()  # not in connection_made, after which asyncio begins to read
        if wait:
            await asyncio.sleep(wait)
        try:
            secure = await asyncio.get_running_loop().start_tls(
                transport, self, self._context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, TimeoutError):  # it left, or speaks something else
            transport.abort()
            return
        if secure is None or self._lost:
            return
        secure.set_protocol(self._inside)
        self._inside.connection_made(secure)
        if self._early:
            self._inside.data_received(bytes(self._early))

    def data_received(self, data: bytes) -> None:
        """A client may send its request with the last message of the handshake."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._lost = True


def behind_doorway(protocols: Protocols, context: ssl.SSLContext, pace: Pace) -> Protocols:
    """The same protocols, each behind its doorway."""

    def protocol(**options: object) -> asyncio.Protocol:
        return Doorway(protocols(**options), context, pace)

    return protocol
