"""What a server may cost us: bytes and seconds, in the answer's head as in its body; and where a request may go."""

import threading
import time

import httpx
import pytest
import trustme

from esd_build.data.errors import ToolError, UsageError
from esd_build.net import allowance
from esd_build.net.addresses import next_hop, origin, proxy_for, through
from esd_build.net.allowance import MIB, Allowance, Meter, TooMuchError, allowed
from esd_build.net.answers import parsed, printable
from esd_deploy.net.http import client, followed

from .servers import answer, endless, hostile, says

AUTHORITY = trustme.CA()
SMALL = Allowance(1 * MIB, 1.5)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999999\r\n\r\n"


def asked(server) -> httpx.Response:
    with client(server.ca_file) as http, allowed(SMALL):
        return http.get(server.url)


ENDLESS = {
    "body": (HEAD, b"[" * 65536),
    "head": (b"HTTP/1.1 200 OK\r\n", b"X-Header: y\r\n"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 0x10000 + b"\r\n"),
}


@pytest.mark.integration
@pytest.mark.parametrize("kind", ENDLESS)
def test_an_answer_without_end_is_given_up(tmp_path, kind):
    with hostile(tmp_path, endless(*ENDLESS[kind])) as server, pytest.raises((TooMuchError, httpx.HTTPError)):
        asked(server)


@pytest.mark.integration
@pytest.mark.parametrize("begin", [HEAD, b"HTTP/1.1 200 OK\r\nX-Slow: "], ids=["body", "head"])
def test_a_byte_now_and_then_is_given_up_when_the_time_is_over(tmp_path, begin):
    begun = time.monotonic()
    with hostile(tmp_path, endless(begin, b"x", lambda: threading.Event().wait(0.05))) as server, pytest.raises(httpx.ReadTimeout):
        asked(server)
    assert time.monotonic() - begun < 5


@pytest.mark.integration
def test_the_same_holds_for_the_library_that_speaks_to_registries(tmp_path):
    from esd_build.net.patience import Patience
    from esd_build.registry.session import Connection

    with hostile(tmp_path, endless(HEAD, b"[" * 65536)) as server, allowed(SMALL), pytest.raises(TooMuchError):
        Connection(f"127.0.0.1:{server.port}", ca_file=server.ca_file, credentials=None, patience=Patience()).do_request(server.url)


@pytest.mark.integration
def test_pages_that_come_slowly_and_for_ever_end_with_one_message(tmp_path, monkeypatch):
    from esd_build.data.reference import ImageReference
    from esd_build.net.patience import Patience
    from esd_build.registry.session import Connection
    from esd_build.registry.store import Store

    def page(connection, _head):
        threading.Event().wait(0.05)
        connection.sendall(answer(b'{"tags": ["x"]}', 'Link: </v2/a/b/tags/list?last=x>; rel="next"'))

    monkeypatch.setattr(allowance, "LIST_S", 1.0)
    with hostile(tmp_path, page) as server:
        connection = Connection(f"127.0.0.1:{server.port}", ca_file=server.ca_file, credentials=None, patience=Patience())
        with pytest.raises(TooMuchError, match=r"listing the tags of a/b: the server sent parts of the list for \d+ min"):
            Store(connection, tmp_path).tags(ImageReference.parse(f"127.0.0.1:{server.port}/a/b:x"))
    assert 1 < len(server.heads) < 1000


def test_a_list_in_time_may_have_many_parts_and_its_own_errors():
    with allowance.altogether("listing"):
        assert Meter(SMALL).left_s() <= SMALL.seconds
    with pytest.raises(ToolError, match="mine"), allowance.altogether("listing"):
        raise ToolError("mine")


@pytest.mark.integration
def test_each_request_over_a_kept_connection_is_counted_anew(tmp_path):
    with hostile(tmp_path, says(b"1" * 700_000)) as server, client(server.ca_file) as http, allowed(SMALL):
        assert [len(http.get(server.url).content) for _ in range(4)] == [700_000] * 4


@pytest.mark.integration
def test_an_answer_that_unpacks_to_more_is_not_read(tmp_path):
    with hostile(tmp_path, says(b"\x1f\x8b", "Content-Encoding: gzip")) as server, pytest.raises(ToolError, match="compressed"):
        asked(server)


@pytest.mark.integration
def test_a_redirect_leads_to_tls_only_and_takes_no_credentials_along(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\nmachine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with hostile(tmp_path, says(b"result"), authority=AUTHORITY) as other:
        elsewhere = says(b"", f"Location: https://localhost:{other.port}/", status="302 Found")
        with hostile(tmp_path, elsewhere, authority=AUTHORITY) as server, client(server.ca_file) as http:
            tokens = {origin(server.url): {"Authorization": "Bearer t"}}
            with followed(http, "GET", server.url, lambda url: tokens.get(origin(url), {})) as response:
                assert response.read() == b"result"
    assert "Bearer t" in server.heads[0]
    assert "uthorization" not in other.heads[0]


@pytest.mark.integration
@pytest.mark.parametrize("location", ["http://127.0.0.1/x", "file:///etc/passwd", "/again"])
def test_a_redirect_away_from_tls_or_in_circles_is_an_error(tmp_path, location):
    with (
        hostile(tmp_path, says(b"", f"Location: {location}", status="302 Found")) as server,
        client(server.ca_file) as http,
        pytest.raises(ToolError, match=r"not https|more than 5 times"),
        followed(http, "GET", server.url, lambda _url: {}),
    ):
        pass


def test_no_proxy_is_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example.org")
    local = ("https://127.0.0.1:5000/v2/", "https://localhost/", "https://[::1]:8080/", "https://site.localhost/", "https://127.1.2.3/")
    assert {proxy_for(url) for url in (*local, "https://inside.example.org/")} == {None}
    assert proxy_for("https://unicore.example.org/") == "http://proxy.example.org:3128"


@pytest.mark.parametrize("proxy", ["socks5://me:secret@proxy.example.org:1080", "ftp://proxy.example.org"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(UsageError, match=r"through the proxy .*://proxy\.example\.org.*only http:// and https:// proxies") as found:
        proxy_for("https://unicore.example.org/")

    assert "secret" not in str(found.value)
    assert proxy_for("https://127.0.0.1/") is None


def test_a_proxy_on_the_way_is_named_where_there_is_no_answer(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "me:secret@proxy.example.org:3128")

    class Silent(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("no answer", request=request)

    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_options: Silent())
    with (
        client() as http,
        pytest.raises(httpx.ConnectError, match=r"no answer \(through the proxy http://proxy\.example\.org:3128 of ") as found,
    ):
        http.get("https://unicore.example.org/")

    assert "secret" not in str(found.value)
    assert through("https://localhost/") == ""


def test_what_no_answer_has_is_no_json():
    for text in (b"[" * 10_000, b"1e999", b'"\\ud800"', b"NaN", b"9" * 5000, b"9" * 400, b"9" * 30, b"\xff", b""):
        with pytest.raises(ToolError, match="the answer"):
            parsed(text, "the answer")


def test_words_of_others_hold_nothing_that_a_terminal_obeys():
    assert printable("\x1b]52;c;ZXZpbA==\x07ok\u202e") == "\ufffd]52;c;ZXZpbA==\ufffdok\ufffd"
    assert printable("x" * 5000, 10) == "x" * 10 + "…"


def test_addresses_are_compared_as_servers_are():
    assert origin("https://Example.org/a") == origin("https://example.org:443/b")
    assert origin("https://example.org@evil.org/") == "https://evil.org:443"
    with pytest.raises(ToolError, match="not https"):
        next_hop("https://example.org/a", "http://example.org/b")
