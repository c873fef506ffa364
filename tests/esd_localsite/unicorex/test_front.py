import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import httpx
import pytest

from esd_localsite.unicorex.front import Passage

OUTSIDE = "https://127.0.0.1:20003/DEMO"
Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Upstream(httpx.AsyncBaseTransport):
    """A server in memory; remembers what it was asked, and how many of its replies are still open."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return await self._handler(request)


async def giving(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    """A body as it comes from a network."""
    for piece in pieces:
        yield piece


async def hello(request: httpx.Request) -> httpx.Response:
    body = await request.aread()
    headers = {"Content-Type": "application/json", "Server": "Jetty", "Connection": "close", "X-UNICORE-SecuritySession": "s1"}
    return httpx.Response(201, headers=headers, content=giving([json.dumps({"got": body.decode()}).encode()]))


def ask(handler: Handler, method: str, path: str, **options: object) -> tuple[httpx.Response, Upstream]:
    upstream = Upstream(handler)
    passage = Passage("https://127.0.0.1:20004", OUTSIDE, upstream)

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(passage, raise_app_exceptions=False), base_url=OUTSIDE) as client:
            return await client.request(method, f"{OUTSIDE}{path}", **options)  # type: ignore[arg-type]

    return asyncio.run(call()), upstream


def test_the_sites_name_goes_off_the_path_and_the_server_learns_its_outside_address() -> None:
    forged = {"X-UNICORE-Gateway": "https://evil.example", "Authorization": "Basic x", "TE": "trailers"}
    answer, upstream = ask(hello, "POST", "/rest/core/jobs?fields=a&x=%C3%A4", content=b"{}", headers=forged)
    (asked,) = upstream.asked
    assert asked.extensions["target"] == b"/rest/core/jobs?fields=a&x=%C3%A4"
    assert asked.headers.get_list("X-UNICORE-Gateway") == [OUTSIDE]
    assert asked.headers["Authorization"] == "Basic x"
    assert "TE" not in asked.headers
    assert (answer.status_code, answer.json()) == (201, {"got": "{}"})
    assert answer.headers["X-UNICORE-SecuritySession"] == "s1"
    assert "Server" not in answer.headers
    assert "Connection" not in answer.headers


def test_odd_names_pass_as_they_are() -> None:
    _, upstream = ask(hello, "GET", "/rest/core/storages/a/files/with%20blank%2Fand%25%23%3F")
    assert upstream.asked[0].extensions["target"] == b"/rest/core/storages/a/files/with%20blank%2Fand%25%23%3F"
    assert "transfer-encoding" not in upstream.asked[0].headers


def test_bodies_pass_piece_by_piece() -> None:
    sent = [b"one", b"two", b"three"]
    seen: list[bytes] = []

    async def taking(request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        seen.extend([piece async for piece in request.stream])
        return httpx.Response(200, content=giving(sent))

    answer, _ = ask(taking, "PUT", "/rest/core/storages/a/files/b", content=giving(sent))
    assert [piece for piece in seen if piece] == sent
    assert answer.content == b"onetwothree"


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (httpx.ConnectError("refused"), 503, "The UNICORE/X server does not answer"),
        (httpx.RemoteProtocolError("gone"), 502, "The UNICORE/X server ended the connection"),
        (httpx.ReadError("cut"), 502, "The UNICORE/X server ended the connection"),
    ],
)
def test_a_server_that_is_away_is_told(error: Exception, status: int, said: str) -> None:
    async def away(_request: httpx.Request) -> httpx.Response:
        raise error

    answer, _ = ask(away, "GET", "/rest/core")
    assert (answer.status_code, answer.json()) == (status, {"status": status, "errorMessage": said})


def test_a_download_that_breaks_breaks_for_the_client_too() -> None:
    closed = []

    class Broken(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"half"
            raise httpx.ReadError("cut")

        async def aclose(self) -> None:
            closed.append(True)

    async def breaking(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "8"}, stream=Broken())

    upstream = Upstream(breaking)
    messages: list[str] = []

    async def call() -> None:
        async def receive() -> dict[str, object]:
            await asyncio.sleep(3600)
            return {}

        async def send(message: dict[str, object]) -> None:
            messages.append(str(message["type"]))
            assert message.get("more_body", True), "the reply must not look complete"

        asked = {"method": "GET", "raw_path": b"/DEMO/x", "path": "/DEMO/x", "query_string": b"", "headers": []}
        scope = {"type": "http", "server": ("localhost", 1), **asked}
        await Passage("https://127.0.0.1:20004", OUTSIDE, upstream)(scope, receive, send)  # type: ignore[arg-type]

    with pytest.raises((BaseExceptionGroup, httpx.ReadError)):
        asyncio.run(call())
    assert messages == ["http.response.start", "http.response.body"]
    assert closed


@pytest.mark.parametrize("host", ["a%0Ab", "a%0d", "a%00", "a%7f"])
def test_a_tunnels_host_with_control_characters_goes_to_no_server(host: str) -> None:
    switch = {"Connection": "Upgrade", "Upgrade": "UNICORE-Socket-Forwarding"}
    answer, upstream = ask(hello, "GET", f"/rest/core/jobs/1/forward-port?port=80&host={host}", headers=switch)
    assert answer.status_code == 400
    assert upstream.asked == []
