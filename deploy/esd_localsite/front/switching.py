"""Connections that leave HTTP: an answer 101, and then a stream of bytes. ASGI itself knows only the one of websockets."""

import asyncio
from collections.abc import Callable
from typing import Any

import h11
from starlette.types import ASGIApp, Receive, Scope, Send

from esd_localsite.front.patience import PromptProtocol
from esd_localsite.unicore.tunnels import PIECE, PROTOCOL, SWITCH, TcpStream, wants_tunnel

_HEADERS = ((b"connection", b"Upgrade"), (b"upgrade", PROTOCOL.encode()))


class SwitchingProtocol(PromptProtocol):
    """The server's protocol. A request for the upgrade finds the extension `SWITCH` in its scope, and may also be answered as any other."""

    _switched = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.app: Any = self._offering(self.app)

    def shutdown(self) -> None:
        if self._switched:
            self.transport.close()
        else:
            super().shutdown()

    def _offering(self, app: ASGIApp) -> ASGIApp:
        async def offering(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and wants_tunnel(scope):
                scope["extensions"] = {**scope.get("extensions", {}), SWITCH: self._switch}
            await app(scope, receive, send)

        return offering

    def _should_upgrade(self) -> bool:
        return self._get_upgrade() != PROTOCOL.lower().encode() and super()._should_upgrade()

    def _switch(self) -> TcpStream:
        """Answer 101. Uvicorn's bookkeeping goes on: the connection counts until it is lost."""
        headers = [*_HEADERS, *self.server_state.default_headers]
        answer = h11.InformationalResponse(status_code=101, headers=headers, reason=b"Switching Protocols")
        self.transport.write(self.conn.send(answer) or b"")
        self._switched = self.cycle.disconnected = True
        reader = asyncio.StreamReader(limit=PIECE, loop=self.loop)
        protocol = _Tunnelled(reader, self.loop, self._gone)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if early := self.conn.trailing_data[0]:
            reader.feed_data(early)
        self.flow.resume_reading()
        return TcpStream(reader, asyncio.StreamWriter(self.transport, protocol, reader, self.loop))

    def _gone(self) -> None:
        self.connections.discard(self)


class _Tunnelled(asyncio.StreamReaderProtocol):
    """asyncio's streams, which tell when the connection is lost."""

    def __init__(self, reader: asyncio.StreamReader, loop: asyncio.AbstractEventLoop, gone: Callable[[], None]) -> None:
        super().__init__(reader, loop=loop)
        self._tell = gone

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tell()
