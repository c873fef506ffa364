"""UNICORE's port forwarding: what answers mean, against a server in memory; and a connection that leaves HTTP, over TLS."""

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
import trustme

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.backends.connection import ConnectionLostError, GoneError, Passage, RefusedError
from esd_deploy.backends.unicore import passage as unicore_passage
from esd_deploy.backends.unicore.http import PooledTransport, errors
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_deploy.sites.tokens import Tokens

SITE = "https://u.example.org/X/rest/core"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: UNICORE-Socket-Forwarding\r\nConnection: Upgrade\r\n\r\n"


def job(url: str) -> dict:
    return {"_links": {"forwarding": {"href": f"{url}/jobs/1/forward-port"}}}


def answered(respond: Callable[[httpx.Request], httpx.Response], *tokens: str) -> None:
    given = iter(tokens or ("t",))
    endpoint = Endpoint(SITE, "r", None, Credentials("", tokens=Tokens({"file": lambda: next(given, (tokens or ("t",))[-1])})), "")
    transport = PooledTransport(endpoint)
    transport._passages = httpx.Client(transport=httpx.MockTransport(respond))
    with errors(endpoint):
        unicore_passage.opened(transport, job(SITE), "c1", 80)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(403), RefusedError, "does not let"),
        (httpx.Response(404), GoneError, "no longer knows"),
        (httpx.Response(503), ConnectionLostError, "503"),
        (httpx.Response(429), ConnectionLostError, "429"),
        (httpx.Response(500, json={"errorMessage": "Could not connect: TSI away", "status": 500}), ConnectionLostError, "TSI away"),
        (
            httpx.Response(500, json={"errorMessage": "Job BSSID is null - application is not (yet?) running."}),
            UsageError,
            "batch system yet",
        ),
        (httpx.Response(200, json={"status": "Nothing to see here yet."}), UsageError, "a gateway or a proxy"),
    ],
)
def test_what_an_answer_means(answer, kind, said):
    with pytest.raises(kind, match=said):
        answered(lambda _request: answer)


def test_the_request_names_host_and_port_and_asks_to_leave_http():
    asked = []

    def respond(request):
        asked.append(request)
        return httpx.Response(404)

    with pytest.raises(GoneError):
        answered(respond)
    assert str(asked[0].url) == f"{SITE}/jobs/1/forward-port?port=80&host=c1"
    assert (asked[0].headers["Connection"], asked[0].headers["Upgrade"]) == ("Upgrade", "UNICORE-Socket-Forwarding")


def test_an_expired_token_is_renewed():
    asked = []

    def respond(request):
        asked.append(request.headers["Authorization"])
        return httpx.Response(403 if len(asked) == 1 else 404)

    with pytest.raises(GoneError):
        answered(respond, "old", "new")
    assert asked == ["Bearer old", "Bearer new"]


def test_a_server_without_forwarding_is_told():
    endpoint = Endpoint(SITE, "r", None, Credentials("p", "u"), "")
    with pytest.raises(UsageError, match=r"forwards no ports.* UNICORE 9\.1"):
        unicore_passage.opened(PooledTransport(endpoint), {"_links": {}}, "c1", 80)


def test_a_link_to_another_server_gets_no_credentials():
    endpoint = Endpoint(SITE, "r", None, Credentials("p", "u"), "")
    with pytest.raises(UsageError, match="no credentials are sent there"):
        unicore_passage.opened(PooledTransport(endpoint), job("https://evil.example.org/rest/core"), "c1", 80)


@contextmanager
def server(tmp_path, *, valid: bool = True, then: Callable[[ssl.SSLSocket], None]) -> Iterator[Endpoint]:
    """A TLS server for one connection: reads a request's head, then does as told."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (authority if valid else trustme.CA()).issue_cert("127.0.0.1").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plain, _ = listener.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as link:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += link.recv(4096)
                assert b"Basic " + base64.b64encode(b"u:p") in head
                then(link)
        except OSError:
            plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/X/rest/core"
        yield Endpoint(url, "r", tmp_path / "ca.pem", Credentials("p", "u"), "")
    finally:
        thread.join(10)
        listener.close()


@contextmanager
def opened(endpoint: Endpoint) -> Iterator[Passage]:
    transport = PooledTransport(endpoint)
    with errors(endpoint):
        passage = unicore_passage.opened(transport, job(endpoint.url), "c1", 80)
    passage.link.settimeout(10)
    yield passage
    passage.close()


@pytest.mark.integration
class TestOverTls:
    def test_bytes_that_come_with_the_answer_are_kept(self, tmp_path):
        def greet(link):
            link.sendall(SWITCHED + b"220 hello\r\n")
            link.sendall(link.recv(100))

        with server(tmp_path, then=greet) as endpoint, opened(endpoint) as passage:
            got = passage.early
            while len(got) < 11:
                got += passage.link.recv(100)
            assert got == b"220 hello\r\n"
            passage.link.sendall(b"echo")
            assert passage.link.recv(4) == b"echo"

    def test_an_orderly_end_is_an_end(self, tmp_path):
        def end(link):
            link.sendall(SWITCHED)
            link.unwrap()

        with server(tmp_path, then=end) as endpoint, opened(endpoint) as passage:
            assert passage.link.recv(1) == b""

    def test_a_connection_that_is_cut_is_none(self, tmp_path):
        def cut(link):
            link.sendall(SWITCHED + b"half")
            socket.socket(fileno=link.detach()).close()

        with server(tmp_path, then=cut) as endpoint, opened(endpoint) as passage:
            got = passage.early or passage.link.recv(100)
            assert got == b"half"
            with pytest.raises(ssl.SSLError, match=r"(?i)eof"):
                passage.link.recv(100)

    def test_a_wrong_certificate_gets_no_credentials(self, tmp_path):
        with server(tmp_path, valid=False, then=lambda link: None) as endpoint, pytest.raises(ToolError, match="certificate"):
            opened(endpoint).__enter__()
