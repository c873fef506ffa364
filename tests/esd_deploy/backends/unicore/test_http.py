"""Requests to UNICORE: sessions that end, tokens that are renewed, one pool of connections; against a server in memory."""

import httpx
import pytest
from pyunicore.client import Storage

from esd_build.data.errors import UsageError
from esd_deploy.backends.connection import AwayError, RefusedError
from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.backends.unicore.http import PooledTransport, errors
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_deploy.sites.tokens import Tokens

URL = "https://u.example.org/X/rest/core"


class Server:
    """Takes one token and one session; notes what it was asked."""

    def __init__(self, token="new"):
        self.token, self.session, self.asked = token, "s1", []

    def __call__(self, request):
        self.asked.append((request.headers.get("Authorization"), request.headers.get("X-UNICORE-SecuritySession")))
        session = request.headers.get("X-UNICORE-SecuritySession")
        if session is not None and session != self.session:
            return httpx.Response(432)
        if session is None and request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(403)
        return httpx.Response(200, json={"ok": True}, headers={"X-UNICORE-SecuritySession": self.session})


def transport(server, *tokens):
    given = iter(tokens)
    endpoint = Endpoint(URL, "r", None, Credentials("", tokens=Tokens({"file": lambda: next(given, tokens[-1])})), "")
    made = PooledTransport(endpoint)
    made._http = httpx.Client(transport=httpx.MockTransport(server))
    return made, endpoint


def test_a_refused_token_is_renewed_and_the_request_repeated_once():
    server = Server()
    made, _ = transport(server, "old", "new")

    assert made.get(url=URL) == {"ok": True}
    assert [token for token, _ in server.asked] == ["Bearer old", "Bearer new"]


def test_a_token_that_stays_refused_is_an_error_that_does_not_show_it():
    made, endpoint = transport(Server("other"), "s3cret")

    with pytest.raises(RefusedError) as raised, errors(endpoint):
        made.get(url=URL)

    assert "s3cret" not in str(raised.value)


def test_a_session_serves_all_resources_and_one_that_ended_is_left():
    server = Server()
    made, _ = transport(server, "new")
    made.get(url=URL)
    made._clone().get(url=URL)
    server.session = "s2"

    assert made.get(url=URL) == {"ok": True}
    assert [session for _, session in server.asked] == [None, "s1", "s1", None]


def test_an_upload_is_repeated_with_its_whole_content():
    bodies = []
    server = Server()

    def answer(request):
        bodies.append(request.read())
        return server(request)

    made, _ = transport(answer, "old", "new")
    made.put(url=URL, content=b"data", headers={"Content-Type": "application/octet-stream"})

    assert bodies == [b"data", b"data"]


def test_a_download_that_is_refused_is_no_file():
    made, endpoint = transport(Server("other"), "s3cret")

    with pytest.raises(RefusedError), errors(endpoint), made.get_stream(url=URL):
        pass


def no_tsi(request):
    """As UNICORE/X answers while its TSI is away, to lists and downloads."""
    words = "Error listing '/': eu.unicore.xnjs.tsi.TSIUnavailableException: Error communicating to the TSI"
    return httpx.Response(500, json={"errorMessage": words, "status": 500})


def test_a_tsi_that_is_away_says_nothing_of_one_path():
    made, endpoint = transport(no_tsi, "new")

    with pytest.raises(AwayError, match="Error listing"), errors(endpoint):
        made.get(url=URL)
    with pytest.raises(AwayError, match="Error listing"), errors(endpoint), made.get_stream(url=URL):
        pass


def test_no_folder_is_called_unlisted_while_the_tsi_is_away():
    made, endpoint = transport(no_tsi, "new")
    connection = UnicoreConnection(endpoint, None, made)

    with pytest.raises(AwayError):
        connection._lister(f"{URL}/jobs/1", Storage(made, f"{URL}/storages/1"))("/")


@pytest.mark.parametrize(
    "origin", ["https://evil.example.org", "https://u.example.org.evil.org", "http://u.example.org", "https://u.example.org:1"]
)
def test_a_token_is_not_sent_to_another_server_whoever_names_it(origin):
    server = Server()
    made, _ = transport(server, "new")

    with pytest.raises(UsageError, match="no credentials are sent there"):
        made.get(url=f"{origin}/X/rest/core/jobs/1")
    with pytest.raises(UsageError, match="no credentials are sent there"), made.get_stream(url=f"{origin}/X/file"):
        pass

    assert server.asked == []
