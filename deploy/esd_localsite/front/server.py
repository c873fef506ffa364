"""The ASGI application: routes, who may use them, and errors as UNICORE words them."""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from esd_localsite.description.resources import DescriptionError
from esd_localsite.files.files import PathError
from esd_localsite.front.cost import measured
from esd_localsite.front.fairness import Fairness
from esd_localsite.front.pace import Pace, TooFastError
from esd_localsite.identity.users import Gate, Identity, Refusal, token_secret
from esd_localsite.jobs.faults import FaultyEdge
from esd_localsite.nmpi import routes as nmpi_routes
from esd_localsite.nmpi.queue import Queue
from esd_localsite.nmpi.records import QueueRecord
from esd_localsite.records.shelf import Shelf, UnkeptError
from esd_localsite.unicore import client_transfers, job_routes, oidc_routes, site_routes, storage_routes, transfer_routes
from esd_localsite.unicore.endpoint import Endpoint

_SESSION = "X-UNICORE-SecuritySession"
_UNICORE = (site_routes, job_routes, transfer_routes, client_transfers, storage_routes, oidc_routes)
_REFUSALS_PER_S = 10
_REFUSALS_AT_ONCE = 40
"""Wrong passwords and tokens from one address that are answered without a pause."""
_LIST = re.compile(r"/rest/core/[a-z-]+")
_log = logging.getLogger("esd_localsite.front")


class Authentication:
    """Identifies the caller of each request (`scope["identity"]`, None: anonymous), and answers with a security session."""

    def __init__(self, app: ASGIApp, gate: Gate, below: str) -> None:
        """`below`: the path that it protects; other paths protect themselves."""
        self._app = app
        self._gate = gate
        self._below = below
        self._refusals = Pace(_REFUSALS_PER_S, _REFUSALS_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not str(scope["path"]).startswith(self._below):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        session = headers.get(_SESSION)
        who = await run_in_threadpool(self._gate.identify, headers.get("Authorization"), session, (scope.get("client") or ("",))[0])
        if isinstance(who, Refusal):
            if who is not Refusal.UNKNOWN_SESSION and not await self._slowed(scope):
                who = Refusal.TOO_MANY_GUESSES
            # Empty, like UNICORE's: 403 for wrong credentials, 432 for a session that the client then drops.
            await Response(status_code=who.value)(scope, receive, send)
            return
        scope["identity"] = who
        await self._app(scope, receive, self._announcing(send, session, who))

    async def _slowed(self, scope: Scope) -> bool:
        """Waits, for an address from which many wrong passwords come; false if too many wait already."""
        try:
            await asyncio.sleep(self._refusals.wait((scope.get("client") or ("",))[0]))
        except TooFastError:
            return False
        return True

    def _announcing(self, send: Send, session: str | None, who: Identity | None) -> Send:
        async def announce(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[_SESSION] = session or self._gate.open_session(who)
                headers[f"{_SESSION}-Lifetime"] = str(int(self._gate.session_seconds * 1000))
            await send(message)

        return announce


def create_app(endpoint: Endpoint) -> Starlette:
    """The application. Its lifespan is that of the job engine."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        endpoint.engine.start()
        yield
        await run_in_threadpool(endpoint.engine.stop)
        endpoint.transfers.stop()

    routes = [each for module in _UNICORE for route in module.routes() for each in _also_with_slash(measured(route))]
    queue = queue_of(endpoint)
    app = Starlette(
        routes=[Mount(f"/{endpoint.config.site_name}", Router(routes, redirect_slashes=False)), *(nmpi_routes.routes() if queue else ())],
        middleware=[
            Middleware(FaultyEdge, board=endpoint.faults),
            Middleware(Authentication, gate=endpoint.gate, below=f"/{endpoint.config.site_name}/rest/"),
            Middleware(Fairness),
        ],
        exception_handlers={
            nmpi_routes.QueueError: nmpi_routes.refused,
            HTTPException: _http_error,
            PathError: _bad_path,
            DescriptionError: _bad_request,
            UnkeptError: _bad_request,
            OSError: _file_error,
            ClientDisconnect: _nobody_listens,
            Exception: _server_error,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.endpoint = endpoint
    app.state.queue = queue
    return app


def _also_with_slash(route: Route) -> Iterator[Route]:
    """Links of a list end in a slash (`jobs/?offset=`); the list's own address does not."""
    yield route
    if _LIST.fullmatch(route.path):
        yield Route(f"{route.path}/", route.endpoint, methods=list(route.methods or ()))


def queue_of(endpoint: Endpoint) -> Queue | None:
    """The neuromorphic queue, if the site has one."""
    config = endpoint.config
    if config.platforms_dir is None:
        return None
    shelf = Shelf(config.state_dir / "nmpi", QueueRecord)
    return Queue(shelf, endpoint.engine, config.platforms_dir, token_secret(config.state_dir / "token.key"))


_BARE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.UNSUPPORTED_MEDIA_TYPE})
"""UNICORE's answers without a body."""


def _error(status: int, message: str) -> Response:
    return Response(status_code=status) if status in _BARE else JSONResponse({"errorMessage": message, "status": status}, status)


def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls it with nothing else
    response = _error(error.status_code, error.detail)
    response.headers.update(error.headers or {})
    return response


def _bad_path(_request: Request, error: Exception) -> Response:
    return _error(HTTPStatus.BAD_REQUEST, str(error))


def _bad_request(_request: Request, error: Exception) -> Response:
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"Error: {error}")


def _file_error(request: Request, error: Exception) -> Response:
    """A file error of the kernel as an HTTP answer."""
    name = request.path_params.get("path", "")
    match error:
        case FileNotFoundError():
            return _error(HTTPStatus.NOT_FOUND, "")
        case IsADirectoryError():
            return Response(status_code=HTTPStatus.NOT_ACCEPTABLE, media_type="application/json")
        case OSError():
            _log.error("%s %s: %s", request.method, request.url.path, error)
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"{getattr(error, 'strerror', None) or error}: '{name}'")


def _nobody_listens(_request: Request, _error: Exception) -> Response:
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _server_error(_request: Request, error: Exception) -> Response:
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"Internal error: {type(error).__name__}; see the endpoint's log")
