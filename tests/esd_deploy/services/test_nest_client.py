import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgpack
import numpy
import pytest

from esd_deploy.services.nest_client import Batch, NestClient, ServiceError

pytestmark = pytest.mark.integration


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen, self.answer = [], (200, {}, msgpack.packb({"answers": [5]}))


class Handler(BaseHTTPRequestHandler):
    """Answers what `server.answer` is: status, headers, content; None breaks off."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.client_address[1], self.headers["NESTServerAuth"], content))
        if self.server.answer is None:
            self.close_connection = True
            return
        status, headers, answer = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words):
        """Silent."""


@pytest.fixture
def server():
    one = Server()
    thread = threading.Thread(target=one.serve_forever)
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join()


@pytest.fixture
def client(server):
    with NestClient("127.0.0.1", server.server_address[1], "the-token", timeout_s=5) as one:
        yield one


def test_calls_go_over_one_connection(client, server):
    assert [client.call("Create", "iaf", 2), client.call("Run", t=20.0)] == [5, 5]

    assert len({port for port, _, _ in server.seen}) == 1
    assert {token for _, token, _ in server.seen} == {"the-token"}
    sent = [msgpack.unpackb(content)["calls"] for *_, content in server.seen]
    assert sent == [[["Create", ["iaf", 2]]], [["Run", {"args": [], "t": 20.0}]]]


def test_arrays_come_as_arrays(client, server):
    times = {"__array__": "<f8", "shape": [2], "data": numpy.array([1.0, 2.0]).tobytes()}
    server.answer = (200, {"Server-Timing": "nest;dur=1.5, ranks;dur=0.25, odd"}, msgpack.packb({"answers": [None, {"times": times}]}))

    found = client.run(Batch().add("Run", 20.0).add("GetStatus", [1]))

    assert found[1]["times"].tolist() == [1.0, 2.0]
    assert client.spent_ms == {"nest": 1.5, "ranks": 0.25}


def test_the_services_words_reach_the_user(client, server):
    server.answer = (400, {}, b"Create failed: no \x1b[31mmodel")

    with pytest.raises(ServiceError, match="the service says 400: Create failed: no ") as raised:
        client.call("Create", "x")
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"\xc1",
        msgpack.packb([1]),
        msgpack.packb({"answers": []}),
        msgpack.packb({"answers": [{"__array__": "|O", "shape": [1], "data": b"12345678"}]}),
        msgpack.packb({"answers": [{"__array__": "<f8", "shape": [10**12], "data": b""}]}),
        b"\x91" * 5000,
    ],
)
def test_an_answer_that_cannot_be_is_an_error(client, server, answer):
    server.answer = (200, {}, answer)

    with pytest.raises(ServiceError):
        client.call("Create", "x")


def test_a_service_that_breaks_off_is_an_error_and_the_next_call_tries_again(client, server):
    good, server.answer = server.answer, None
    with pytest.raises(ServiceError, match=r"the service broke off .* did its job end"):
        client.call("Run", 1.0)

    server.answer = good
    assert client.call("Run", 1.0) == 5


def test_it_warns_once_before_the_time_limit(client, server):
    server.answer = (200, {"NESTServer-Ends-In": "119"}, msgpack.packb({"answers": [5]}))

    with pytest.warns(UserWarning, match="reaches its time limit in 119 s"):
        client.call("Run", 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.call("Run", 1.0)


def test_nobody_listens():
    with NestClient("127.0.0.1", 1, "x") as client, pytest.raises(ServiceError, match="does not answer"):
        client.call("Run", 1.0)
