"""Servers that mean harm, on loopback: each connection is given to a function that may send whatever it likes, as slowly as it likes."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import trustme

Talk = Callable[[ssl.SSLSocket, str], None]
"""What the server does with a connection, after it read a request; the second argument is the request's head."""


@dataclass
class Server:
    """Where it is, whom its certificate is by, and what it was asked."""

    port: int
    ca_file: Path
    heads: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def hostile(folder: Path, talk: Talk, *, authority: trustme.CA | None = None) -> Iterator[Server]:
    """A server that answers by `talk` until the block ends."""
    authority = authority or trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost", "127.0.0.2").configure_cert(context)
    listening = socket.create_server(("127.0.0.1", 0))
    ca_file = folder / f"ca-{listening.getsockname()[1]}.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    server = Server(listening.getsockname()[1], ca_file)
    threading.Thread(target=_serve, args=(listening, context, talk, server), daemon=True).start()
    try:
        yield server
    finally:
        server.closing.set()
        listening.close()


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def says(body: bytes, *headers: str, status: str = "200 OK") -> Talk:
    """The same answer to each question."""
    return lambda connection, _head: connection.sendall(answer(body, *headers, status=status))


def endless(begin: bytes, piece: bytes, pause: Callable[[], None] = lambda: None) -> Talk:
    """Sends `begin`, then `piece` again and again, until nobody listens."""

    def talk(connection: ssl.SSLSocket, _head: str) -> None:
        connection.sendall(begin)
        while True:
            connection.sendall(piece)
            pause()

    return talk


def _serve(listening: socket.socket, context: ssl.SSLContext, talk: Talk, server: Server) -> None:
    while not server.closing.is_set():
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=_converse, args=(plain, context, talk, server), daemon=True).start()


def _converse(plain: socket.socket, context: ssl.SSLContext, talk: Talk, server: Server) -> None:
    with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
        while head := _head(connection):
            server.heads.append(head)
            talk(connection, head)


def _head(connection: ssl.SSLSocket) -> str:
    text = b""
    while b"\r\n\r\n" not in text:
        got = connection.recv(4096)
        if not got:
            return ""
        text += got
    return text.decode(errors="replace")
