"""A TLS proxy in front of a registry that does what networks and servers do on bad days: answers 502, cuts at any byte, loses answers."""

import contextlib
import http.client
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.esd_build.registry.servers import RegistryServer, Tls, free_port

_BLOCK = 64 * 1024
_HOP = {"connection", "transfer-encoding", "keep-alive"}


@dataclass
class Fault:
    """What goes wrong with the requests that match, after the first `skip` of them, `times` times."""

    method: str
    path: str = ""
    times: int = 1
    skip: int = 0
    status: int | None = None  # answered instead of the registry
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    cut_request_after: int | None = None  # bytes of the body that the registry still gets
    cut_response_after: int | None = None  # bytes of the answer's body that the client still gets
    lose_answer: bool = False  # the registry gets it all, the client hears nothing
    before: Callable[[], None] | None = None  # done before the request is passed on
    ignore: str = ""  # a header that is not passed on
    change: Callable[[bytes], bytes] | None = None  # what the client gets instead of the answer's body

    def applies(self, method: str, path: str) -> bool:
        if self.times < 1 or method != self.method or not re.search(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Seen:
    """A request that came: `received` is how much of its body arrived so far."""

    method: str
    path: str
    headers: dict[str, str]
    received: int = 0
    status: int = 0


class FaultProxy:
    """`takes_in_whole`: a request reaches the registry only once all of it is there, as behind nginx with its default settings."""

    def __init__(self, upstream: RegistryServer, *, takes_in_whole: bool = False) -> None:
        self.upstream = upstream
        self.takes_in_whole = takes_in_whole
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self.host = f"127.0.0.1:{free_port()}"
        self._lock = threading.Lock()

    @property
    def received(self) -> int:
        """Bytes of all upload bodies that arrived here."""
        return sum(seen.received for seen in self.seen if "/blobs/uploads/" in seen.path)

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self.faults if fault.applies(method, path)), None)

    def answer(self, handler: "Handler") -> bool:
        """Answer a request without the registry; False to pass it on."""
        return False

    @contextlib.contextmanager
    def running(self, tls: Tls) -> Iterator["FaultProxy"]:
        bound = type("BoundHandler", (Handler,), {"proxy": self})
        name, port = self.host.split(":")
        server = ThreadingHTTPServer((name, int(port)), bound)
        server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_arguments: None  # type: ignore[method-assign] # a cut connection is no error here
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class CutError(Exception):
    """The connection is to be cut here."""


class Handler(BaseHTTPRequestHandler):
    """Passes one request on."""

    proxy: FaultProxy
    protocol_version = "HTTP/1.1"

    def handle_all(self) -> None:
        self.body_left = int(self.headers.get("Content-Length") or 0)
        self.taken: bytes | None = None
        self.more_headers: dict[str, str] = {}
        self.seen = Seen(self.command, self.path, dict(self.headers))
        self.proxy.seen.append(self.seen)
        try:
            if not self.proxy.answer(self):
                self._serve(self.proxy.fault_for(self.command, self.path))
        except (CutError, OSError, http.client.HTTPException):
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = handle_all  # noqa: N815 - http.server's names

    def reply(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        """Answer from here."""
        for _block in self.body():
            pass
        content = text.encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.seen.status = status

    def take(self) -> bytes:
        """The whole body, which is passed on all the same."""
        self.taken = b"".join(self.body())
        return self.taken

    def body(self, limit: int | None = None) -> Iterator[bytes]:
        """The request's body in blocks; with a limit the connection is cut after so many bytes."""
        while self.body_left:
            size = min(_BLOCK, self.body_left, *([limit - self.seen.received] if limit is not None else []))
            if size <= 0:
                raise CutError
            block = self.rfile.read(size)
            if not block:
                raise CutError
            self.body_left -= len(block)
            self.seen.received += len(block)
            yield block
        if limit is not None and self.seen.received >= limit:
            raise CutError

    def _serve(self, fault: Fault | None) -> None:
        if fault is not None and fault.before is not None:
            fault.before()
        if fault is not None and fault.status is not None:
            self.reply(fault.status, fault.text, fault.headers)
            return
        connection = http.client.HTTPSConnection(
            self.proxy.upstream.host, context=ssl.create_default_context(cafile=str(self.proxy.upstream.tls.ca_file)), timeout=30
        )
        with contextlib.closing(connection):
            try:
                answer = self._pass_on(connection, fault)
            except ConnectionRefusedError:
                self.reply(502)
                return
            self._pass_back(answer, fault)

    def _pass_on(self, connection: http.client.HTTPSConnection, fault: Fault | None) -> http.client.HTTPResponse:
        limit = fault.cut_request_after if fault else None
        body: list[bytes] | Iterator[bytes] = self.body(limit) if self.taken is None else [self.taken]
        if self.proxy.takes_in_whole:
            body = list(body)
        connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if fault is None or name != fault.ignore:
                connection.putheader(name, value)
        connection.endheaders()
        for block in body:
            connection.send(block)
        answer = connection.getresponse()
        if fault is not None and fault.lose_answer:
            answer.read()
            raise CutError
        return answer

    def _pass_back(self, answer: http.client.HTTPResponse, fault: Fault | None) -> None:
        self.seen.status = answer.status
        changed = fault.change(answer.read()) if fault is not None and fault.change is not None else None
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP and not (changed is not None and name.lower() == "content-length"):
                self.send_header(name, value)
        if changed is not None:
            self.send_header("Content-Length", str(len(changed)))
        for name, value in self.more_headers.items():
            self.send_header(name, value)
        self.end_headers()
        if changed is not None:
            self.wfile.write(changed)
            return
        left = fault.cut_response_after if fault and fault.cut_response_after is not None else None
        while block := answer.read(_BLOCK):
            self.wfile.write(block[:left] if left is not None else block)
            if left is not None:
                left -= len(block)
                if left <= 0:
                    raise CutError

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""
