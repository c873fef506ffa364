"""The token service as an ASGI application: one route, GET /token."""

from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from esd_localsite.identity.guesses import Guesses
from esd_localsite.identity.users import UserEntry, name_and_password
from esd_localsite.login.tokens import LIFE_S, Signer, granted

_NOBODY = ""
_MOST_SCOPES = 20


@dataclass(frozen=True)
class Door:
    """Only one user may push. Guessing passwords is slowed down, as at the UNICORE endpoint."""

    user: str
    entry: UserEntry
    guesses: Guesses = field(default_factory=Guesses)

    def name_of(self, authorization: str | None, address: str) -> str | None:
        """The user's name; the empty name for anonymous clients; None if name or password are wrong, or somebody guesses."""
        if authorization is None:
            return _NOBODY
        scheme, _, value = authorization.partition(" ")
        given = name_and_password(value.strip())
        if given is None:
            return None
        name, password = given
        if scheme.lower() != "basic" or not self.guesses.may_try(name, address):
            return None
        right = self.entry.accepts(password) and name == self.user  # the same work for an unknown name
        self.guesses.was(name, address, right=right)
        return name if right else None


def create_app(door: Door, signer: Signer) -> Starlette:
    """The application."""

    async def token(request: Request) -> Response:
        address = request.client.host if request.client else ""
        name = await run_in_threadpool(door.name_of, request.headers.get("authorization"), address)
        if name is None:
            said = {"code": "UNAUTHORIZED", "message": "wrong name or password; the account is in the site's registry-login.json"}
            return JSONResponse({"errors": [said]}, 401)
        access = granted(request.query_params.getlist("scope")[:_MOST_SCOPES], may_write=name != _NOBODY)
        given = signer.token(name, access)
        return JSONResponse({"token": given, "access_token": given, "expires_in": LIFE_S})

    return Starlette(routes=[Route("/token", token)])
