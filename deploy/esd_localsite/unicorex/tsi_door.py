"""Starts UNICORE's TSI behind a door that keeps out everyone but the server: `python tsi_door.py LIBRARY SETTINGS`.

TSI 10.1.3 ends when a TLS handshake fails, and waits forever for one that never comes: any connection to its port could stop it.
It runs as a plain script: jobs inherit the TSI's environment, which must not name this package's folder.
"""

import contextlib
import errno
import importlib
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

HANDSHAKE_S = 5.0


class Door:
    """The listening socket for the TSI: returns connections of peers with a certificate of the site, and drops all others."""

    def __init__(self, listener: ssl.SSLSocket, log: Callable[[str], object]) -> None:
        self._listener = listener
        self._log = log

    def listen(self, backlog: int) -> None:
        self._listener.listen(backlog)

    def close(self) -> None:
        self._listener.close()

    def accept(self) -> tuple[ssl.SSLSocket, Any]:
        """The next peer that shows a certificate. Raises OSError if the listener is gone."""
        while True:
            connection, address = socket.socket.accept(self._listener)
            connection.settimeout(HANDSHAKE_S)
            try:
                return self._listener.context.wrap_socket(connection, server_side=True), address
            except OSError as error:
                if error.errno == errno.EBADF:
                    raise
                self._log(f"A caller from {address[0]} showed no certificate of this site: {error}")
                with contextlib.suppress(OSError):
                    connection.close()


def guarded(setup: Callable[..., ssl.SSLSocket]) -> Callable[..., ssl.SSLSocket | Door]:
    """Wraps the TSI's own function that puts TLS around a socket, so that the listening socket gets a door."""

    def setup_ssl(config: object, plain: socket.socket, log: Any, server_mode: bool = False) -> ssl.SSLSocket | Door:
        around = setup(config, plain, log, server_mode)
        return Door(around, log.info) if server_mode else around

    return setup_ssl


def main(library: str, settings: str) -> int:
    """Run the TSI."""
    sys.path[0] = library
    tls: Any = importlib.import_module("SSL")
    tls.setup_ssl = guarded(tls.setup_ssl)
    tsi: Any = importlib.import_module("TSI")
    return int(tsi.main(["TSI.py", settings]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
