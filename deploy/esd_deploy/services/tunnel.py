"""A tunnel: a port on this machine's loopback that leads to a port which a job listens on, through the site's server.

Each local connection gets a connection of its own through the site. If one breaks, the next one works as soon as the site answers again.
"""

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from esd_build.data.errors import EsdError, UsageError
from esd_build.net.allowance import FILE, allowed
from esd_deploy.backends.connection import Passage
from esd_deploy.runs.patience import patiently
from esd_deploy.services.pump import End, pump

LOOPBACK = "127.0.0.1"
PATIENCE_S = 30.0
"""How long a local connection waits for a site that does not answer."""
MOST = 40
"""Connections at once; further ones wait. A site's server may allow fewer tunnels than it allows requests."""
_BACKLOG = 64
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset, so that nobody takes what has arrived for everything."""

Opening = Callable[[], Passage]
"""Opens one connection through the site. Raises ToolError and UsageError."""
Notice = Callable[[str], None]


class Tunnel:
    """Listens from `with` to its end. `to` is only for messages."""

    def __init__(self, opening: Opening, to: str, *, port: int = 0, notice: Notice, patience_s: float = PATIENCE_S) -> None:
        """`port`: on this machine; 0: any free one. Raises UsageError if it is in use."""
        self._opening = opening
        self._to = to
        self._notice = notice
        self._patience_s = patience_s
        self._room = threading.Semaphore(MOST)
        self._open: set[socket.socket] = set()
        self._changing = threading.Lock()
        self._ended = False
        self._listener = _listening(port)
        self._told: set[str] = set()

    @property
    def port(self) -> int:
        """The port on this machine."""
        number: int = self._listener.getsockname()[1]
        return number

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="tunnel", daemon=True).start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Close everything."""
        with self._changing:
            self._ended = True
            links = [self._listener, *self._open]
        for link in links:
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _accept(self) -> None:
        while True:
            self._room.acquire()
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), name="tunnel", daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        try:
            if self._kept(near):
                self._joined(near)
        except EsdError as error:
            self._tell(str(error))
            _reset(near)
        except OSError:  # closed by __exit__
            pass
        finally:
            self._room.release()
            self._drop(near)

    def _joined(self, near: socket.socket) -> None:
        passage = patiently(give_up_s=self._patience_s, notice=self._tell)(self._opening)
        try:
            if not self._kept(passage.link):
                return
            with allowed(FILE):
                moved = pump(near, passage.link, passage.early)
            if moved.end is End.BROKEN and not self._ended:
                self._tell(f"the connection through the site to {self._to} broke off; new connections are tried again")
                _reset(near)
            elif moved.end is End.FAR and not moved.received:
                self._tell(f"{self._to} ended a connection without a word: does a program listen there?")
        finally:
            self._drop(passage.link)
            passage.close()

    def _kept(self, link: socket.socket) -> bool:
        """Remember a connection, to be closed at the end; false if that has come."""
        with self._changing:
            if not self._ended:
                self._open.add(link)
            return not self._ended

    def _drop(self, link: socket.socket) -> None:
        with self._changing:
            self._open.discard(link)
        link.close()

    def _tell(self, text: str) -> None:
        """Say it once in a row: many connections may meet the same fault."""
        if not self._ended and text not in self._told:
            self._told = {text}
            self._notice(text)


def _listening(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen on port {port} of this machine ({error.strerror}); give another one with --port") from error
    return listener


def _reset(link: socket.socket) -> None:
    with suppress(OSError):
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
