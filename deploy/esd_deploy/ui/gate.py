"""Who gets in: only the user who has the start address, only from a page of this server, only by this machine's own name.

Loopback is open to every account of the machine, and to every page that the user's browser shows. The Host header keeps out a foreign name
that was pointed at this address (DNS rebinding); the Origin header keeps out requests that another page makes (CSRF). A browser sends
cookies to every port of a host, so the cookie is bound to a path that nobody can guess.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost"})
_COOKIE = "esd-ui"
_READING = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer that does not say otherwise. `no-referrer` would make browsers send `Origin: null` with forms."""


def _secret() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Keys:
    """The secrets of one start: of the address that is printed, of the cookie, and the path that the cookie is bound to."""

    token: str = field(default_factory=_secret, repr=False)
    session: str = field(default_factory=_secret, repr=False)
    prefix: str = field(default_factory=lambda: f"/{secrets.token_hex(8)}")

    def start(self, port: int) -> str:
        """The address that lets its user in."""
        return f"http://127.0.0.1:{port}{self.prefix}/start?token={self.token}"


class Gate:
    """Passes on what may come in, and gives every answer the headers that keep foreign text and pictures harmless."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _guarded(send)
        answer = self._answer(HTTPConnection(scope))
        await (answer or self._app)(scope, receive, guarded)

    def _answer(self, asked: HTTPConnection) -> Response | None:
        """What is answered here already; None for what is passed on."""
        host = asked.headers.get("host", "")
        if urlsplit(f"//{host}").hostname not in HOSTS:
            return _refused("this page answers to 127.0.0.1 and localhost only")
        if asked.scope["path"] == f"{self._keys.prefix}/start":
            return self._let_in(asked)
        if not _same(asked.cookies.get(_COOKIE, ""), self._keys.session):
            return _refused("open the address that `esd-deploy ui` printed in this browser; it has a token in it")
        if asked.scope["method"] not in _READING and asked.headers.get("origin") != f"http://{host}":
            return _refused("this request does not come from a page of this server")
        return None

    def _let_in(self, asked: HTTPConnection) -> Response:
        token = parse_qs(asked.scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not _same(token, self._keys.token):
            return _refused("the token in this address is not the one that `esd-deploy ui` printed; each start has its own")
        answer = RedirectResponse(f"{self._keys.prefix}/", HTTPStatus.SEE_OTHER)
        answer.set_cookie(_COOKIE, self._keys.session, path=f"{self._keys.prefix}/", httponly=True, samesite="strict")
        return answer


def _same(given: str, own: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), own.encode())


def _refused(why: str) -> Response:
    return PlainTextResponse(f"esd-deploy ui: {why}\n", HTTPStatus.FORBIDDEN)


def _guarded(send: Send) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return guarded
