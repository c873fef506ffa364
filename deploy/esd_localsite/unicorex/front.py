"""The front of the server: adds the site's name to the path, the issuer, the queue, and the faults on the network.

It stands where a real site has UNICORE's gateway. It takes `/SITE` off the path and tells the server its outside address
(`X-UNICORE-Gateway`), from which the server makes all links. Bodies pass through piece by piece; nothing is kept. A connection that the
server takes out of HTTP becomes a tunnel through the front.
"""

import contextlib
import logging
import ssl
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Router
from starlette.types import Receive, Scope, Send

from esd_localsite.front.server import queue_of
from esd_localsite.jobs.faults import FaultyEdge
from esd_localsite.nmpi import routes as nmpi_routes
from esd_localsite.unicore import oidc_routes
from esd_localsite.unicore.endpoint import Endpoint
from esd_localsite.unicore.tunnels import PROTOCOL, SwitchedAnswer, wants_tunnel
from esd_localsite.unicorex.tunnelling import Tunnelling

_HOP = frozenset(
    {b"connection", b"expect", b"host", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"trailer", b"transfer-encoding"}
    | {b"upgrade"}
)
_CONTROL = frozenset((*range(32), 127))
_OURS = frozenset({b"date", b"server"})
_TIMEOUT = {"connect": 5.0, "read": 600.0, "write": 600.0, "pool": 60.0}
_LIMITS = httpx.Limits(max_connections=60, max_keepalive_connections=20, keepalive_expiry=5.0)
"""The server has 64 threads. The front closes an idle connection before the server does."""
_log = logging.getLogger("esd_localsite.unicorex")


class Passage:
    """Passes requests for `{outside}/…` on to `{upstream}/…`."""

    def __init__(self, upstream: str, outside: str, transport: httpx.AsyncBaseTransport, tunnelling: Tunnelling | None = None) -> None:
        """`outside`: the address that clients know, with the site's name; `upstream`: the server's, without."""
        self._upstream = httpx.URL(upstream)
        self._prefix = httpx.URL(outside).raw_path
        self._gateway = outside.encode()
        self._transport = transport
        self._tunnelling = tunnelling

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if wants_tunnel(scope) and not _is_plain(scope["query_string"]):
            await _away("a tunnel's host and port hold no control characters", HTTPStatus.BAD_REQUEST)(scope, receive, send)
            return
        transport = self._tunnelling.transport if self._tunnelling and wants_tunnel(scope) else self._transport
        try:
            answer = await transport.handle_async_request(self._passed_on(request))
        except httpx.ConnectError:
            await _away("The UNICORE/X server does not answer", HTTPStatus.SERVICE_UNAVAILABLE)(scope, receive, send)
        except (httpx.TransportError, ClientDisconnect) as error:
            _log.warning("%s %s: %s", request.method, request.url.path, type(error).__name__)
            await _away("The UNICORE/X server ended the connection", HTTPStatus.BAD_GATEWAY)(scope, receive, send)
        else:
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                _log.info("%s %s: the server answers %d", request.method, request.url.path, answer.status_code)
            await self._passed_back(request, answer)(scope, receive, send)

    def _passed_back(self, request: Request, answer: httpx.Response) -> Response | SwitchedAnswer:
        if answer.status_code == HTTPStatus.SWITCHING_PROTOCOLS and self._tunnelling:
            return self._tunnelling.answer(request, answer)
        return _passed_back(answer)

    def _passed_on(self, request: Request) -> httpx.Request:
        raw_path: bytes = request.scope["raw_path"]
        query: bytes = request.scope["query_string"]
        target = raw_path.removeprefix(self._prefix) + (b"?" + query if query else b"")
        headers = [(name, value) for name, value in request.headers.raw if name not in _HOP and not name.startswith(b"x-unicore-gateway")]
        headers.append((b"X-UNICORE-Gateway", self._gateway))
        if self._tunnelling and wants_tunnel(request.scope):
            headers += [(b"Connection", b"Upgrade"), (b"Upgrade", PROTOCOL.encode())]
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        return httpx.Request(
            request.method,
            self._upstream,
            headers=headers,
            content=request.stream() if has_body else None,
            extensions={"target": target, "timeout": _TIMEOUT},
        )


def _is_plain(query: bytes) -> bool:
    """Whether a query holds no control characters: the server hands its values to the TSI as words of a line."""
    return not _CONTROL & frozenset(unquote_to_bytes(query))


def _passed_back(answer: httpx.Response) -> Response:
    async def body() -> AsyncIterator[bytes]:
        try:
            async for piece in answer.aiter_raw():
                yield piece
        finally:
            await answer.aclose()

    response = StreamingResponse(body(), answer.status_code)
    response.raw_headers = [(name.lower(), value) for name, value in answer.headers.raw if name.lower() not in _HOP | _OURS]
    return response


def _away(message: str, status: HTTPStatus) -> Response:
    return JSONResponse({"status": status.value, "errorMessage": message}, status)


def create_front(endpoint: Endpoint, upstream: str, trust: ssl.SSLContext) -> Starlette:
    """The application: serves issuer and queue itself, and passes everything else below the site's name to the server."""
    transport = httpx.AsyncHTTPTransport(verify=trust, limits=_LIMITS, trust_env=False)
    tunnelling = Tunnelling.to(trust)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        endpoint.engine.start()
        async with transport, tunnelling.transport:
            yield
        endpoint.engine.stop()
        endpoint.transfers.stop()

    site, queue = f"/{endpoint.config.site_name}", queue_of(endpoint)
    passage = Passage(upstream, endpoint.config.site_url, transport, tunnelling)
    app = Starlette(
        routes=[
            Mount(site, Router([*oidc_routes.routes(), Mount("", passage)], redirect_slashes=False)),
            *(nmpi_routes.routes() if queue else ()),
        ],
        middleware=[Middleware(FaultyEdge, board=endpoint.faults)],
        exception_handlers={nmpi_routes.QueueError: nmpi_routes.refused},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.endpoint = endpoint
    app.state.queue = queue
    return app
