"""Serves the page on this machine's loopback, until Ctrl-C."""

import errno
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from esd_build.data.errors import UsageError

HOST = "127.0.0.1"
_MOST_CONNECTIONS = 200
_DRAIN_S = 2


def bound(port: int) -> socket.socket:
    """A socket on loopback; port 0: any that is free. Raises UsageError for one that cannot be had."""
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise UsageError(f"--port {port}: {why}; choose another one, or leave it out") from error
    return found


class _Server(uvicorn.Server):
    """Tells when it begins to end: pages that wait for news would keep it for ever."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._ending()
        super().handle_exit(sig, frame)


def serve(app: ASGIApp, listening: socket.socket, *, ending: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM; `ending` is called first."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
        limit_concurrency=_MOST_CONNECTIONS,
        ws="none",
    )
    _Server(config, ending).run(sockets=[listening])
