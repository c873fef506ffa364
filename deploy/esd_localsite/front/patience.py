"""Silent connections: a request's head must arrive within seconds, or the connection is closed. uvicorn itself waits forever.

If there are too many silent connections, the oldest is closed: a real client sends its request at once.
"""

import asyncio
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 20.0
"""Seconds from the connection, or from a request's first byte, to the end of its head."""

MOST_SILENT = 300
"""Most connections that have not sent a whole head yet."""


class PromptProtocol(H11Protocol):
    """uvicorn's protocol, with a time limit for the head."""

    _timer: asyncio.TimerHandle | None = None
    _silent: ClassVar[dict["PromptProtocol", None]] = {}

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if self._timer is None and self.conn.their_state is h11.IDLE:
            self._await_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_S, self.transport.close)
        self._silent[self] = None
        if len(self._silent) > MOST_SILENT:
            next(iter(self._silent)).leave()

    def leave(self) -> None:
        """Close the connection."""
        self._stop()
        self.transport.close()

    def _stop(self) -> None:
        self._silent.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
