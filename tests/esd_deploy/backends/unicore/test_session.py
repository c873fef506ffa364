"""One security session for each user and server in a process: opened once, given up where the server forgot it, whatever the request."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from esd_deploy.backends.unicore.http import PooledTransport
from esd_deploy.backends.unicore.session import FORGOTTEN, HEADER
from esd_deploy.sites.endpoint import Credentials, Endpoint

MOST = 5
"""Sessions that UNICORE/X keeps for a user."""


class Server:
    """UNICORE's rule: each request without a session makes one, and of more than five the oldest is forgotten."""

    def __init__(self, name="u", *, sessions=True):
        self.url = f"https://{name}.example.org/X/rest/core"
        self.sessions, self.known, self.made, self.answers, self.bodies = sessions, [], 0, [], []
        self.lock = threading.Lock()

    def __call__(self, request):
        with self.lock:
            response = self._answer(request)
            self.answers.append((request.method, response.status_code))
            return response

    def _answer(self, request):
        self.bodies.append(request.read())
        session = request.headers.get(HEADER)
        if session is not None and session not in self.known:
            return httpx.Response(FORGOTTEN)
        if session is None and self.sessions:
            self.made += 1
            session = f"s{self.made}"
            self.known = [*self.known, session][-MOST:]
        return httpx.Response(200, json={"ok": True}, headers={HEADER: session} if session else {})

    def transport(self, password="geheim"):
        made = PooledTransport(Endpoint(self.url, "r", None, Credentials(password, "me"), ""))
        made._http = httpx.Client(transport=httpx.MockTransport(self))
        return made


def stream(transport, url):
    with transport.get_stream(url=url) as response:
        response.read()


REQUESTS = {
    "GET": lambda transport, url: transport.get(url=url),
    "PUT": lambda transport, url: transport.put(url=url, content=b"data"),
    "POST": lambda transport, url: transport.post(url=url, json={}),
    "DELETE": lambda transport, url: transport.delete(url=url),
    "stream": stream,
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_forgotten_session_is_given_up_by_every_kind_of_request(kind):
    server = Server("forgotten")
    made = server.transport()
    made.get(url=server.url)
    server.known.clear()

    REQUESTS[kind](made, server.url)
    REQUESTS[kind](made, server.url)

    method = "GET" if kind == "stream" else kind
    assert server.answers == [("GET", 200), (method, FORGOTTEN), (method, 200), (method, 200)]


def test_an_upload_in_a_forgotten_session_is_sent_again_whole():
    server = Server("upload")
    made = server.transport()
    made.get(url=server.url)
    server.known.clear()

    made.put(url=server.url, content=b"data")

    assert server.bodies[1:] == [b"data", b"data"]


def test_threads_that_begin_at_once_open_one_session():
    server = Server("threads")
    made = server.transport()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: made.get(url=server.url), range(8)))

    assert server.made == 1
    assert [status for _, status in server.answers] == [200] * 8


def test_threads_whose_session_is_forgotten_open_one_new_one():
    server = Server("again")
    made = server.transport()
    made.get(url=server.url)
    server.known.clear()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _number: stream(made, server.url), range(8)))

    assert server.made == 2


def test_connections_of_one_user_share_a_session():
    server = Server("shared")
    kept = [server.transport() for _ in range(8)]
    for made in kept:
        made.get(url=server.url)

    assert server.made == 1


def test_another_password_and_another_server_have_sessions_of_their_own():
    first, second = Server("first"), Server("second")
    kept = [first.transport(), first.transport("other"), second.transport()]

    assert len({id(made._session) for made in kept}) == 3


def test_a_server_without_sessions_is_asked_by_all_threads_at_once():
    server = Server("none", sessions=False)
    made = server.transport()
    made.get(url=server.url)
    together = threading.Barrier(4, timeout=5)
    asked = httpx.MockTransport(lambda _request: (together.wait(), httpx.Response(200, json={}))[1])
    made._http = httpx.Client(transport=asked)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _number: made.get(url=server.url), range(4)))

    assert not together.broken


def test_clients_that_take_each_others_sessions_all_get_their_answers():
    server = Server("crowd")
    crowd = [server.transport() for _ in range(12)]
    for made in crowd:  # as if each were a process
        made._session = type(made._session)()
    for _ in range(3):
        for made in crowd:
            assert made.get(url=server.url) == {"ok": True}
            stream(made, server.url)
