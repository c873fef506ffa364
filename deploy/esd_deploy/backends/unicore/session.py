"""UNICORE's security sessions: at most one for each user and server in this process, shared by its threads and connections.

A server keeps five sessions for each user and forgets the oldest. It answers any request in a forgotten session with 432.
Each request without a session creates one, so many connections would take the sessions from each other.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from weakref import WeakValueDictionary

import httpx

HEADER = "X-UNICORE-SecuritySession"
FORGOTTEN = 432
"""The status of an answer to a request in a forgotten session."""

Send = Callable[[str | None], httpx.Response]
"""Sends the request once: in the given session, or (None) without one."""


class Session:
    """One user's session at one server; opened by the first request, and again if the server forgot it."""

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._id: str | None = None
        self._offered = True

    def run(self, send: Send) -> httpx.Response:
        """The answer to a request. While one thread opens a session, the others wait: otherwise each would open its own."""
        used = self._id
        response = None if used is None and self._offered else send(used)
        while response is None or response.status_code == FORGOTTEN:
            if response is not None:
                response.close()
            with self._opening:
                if self._id == used:
                    return self._opened(send(None))
                used = self._id  # another thread was faster
            response = send(used)
        return response

    def _opened(self, response: httpx.Response) -> httpx.Response:
        self._id = response.headers.get(HEADER)
        if response.is_success:
            self._offered = self._id is not None
        return response


_PEPPER = secrets.token_bytes(32)
_sessions: WeakValueDictionary[tuple[str, bytes], Session] = WeakValueDictionary()
_lock = threading.Lock()


def shared(server: str, secret: str) -> Session:
    """This process's session at `server` for this secret; a wrong password does not share it."""
    key = server, hmac.digest(_PEPPER, secret.encode(), hashlib.sha256)
    with _lock:
        found = _sessions.get(key)
        if found is None:
            found = _sessions[key] = Session()
        return found
