"""Routes of the issuer: discovery, keys, tokens, and the two forms for people."""

import html
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from esd_localsite.identity.oidc import GrantError, Issuer, Tokens
from esd_localsite.unicore.endpoint import endpoint_of
from esd_localsite.unicore.requests import raw_body

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def discovery(request: Request) -> Response:
    """The addresses of the issuer's routes."""
    return JSONResponse(_issuer(request).discovery())


def certs(request: Request) -> Response:
    """The keys that verify tokens."""
    return JSONResponse(_issuer(request).key_set())


async def token(request: Request) -> Response:
    """Tokens, for a password, a refresh token, or a code."""
    form = await _form(request)
    try:
        tokens = await run_in_threadpool(_grant, request, form)
    except GrantError as error:
        return JSONResponse({"error": str(error)}, 400)
    answer = {"access_token": tokens.access, "refresh_token": tokens.refresh, "token_type": "Bearer", "expires_in": tokens.lifetime}
    return JSONResponse({**answer, "scope": form.get("scope", "openid")}, headers={"Cache-Control": "no-store"})


def userinfo(request: Request) -> Response:
    """The user of a token."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    user = _issuer(request).user_of(value.strip()) if scheme.lower() == "bearer" else None
    if user is None:
        detail = "Token verification failed"
        return JSONResponse({"error": "invalid_token", "error_description": detail, "detail": f"invalid_token: {detail}"}, 401)
    names = {"given_name": user.capitalize(), "family_name": "of the local site", "name": user}
    return JSONResponse({"sub": user, "preferred_username": user, **names})


async def device(request: Request) -> Response:
    """A device asks to log in."""
    try:
        return JSONResponse(_issuer(request).device_document())
    except GrantError as error:
        return JSONResponse({"error": str(error)}, 400)


def verify_form(request: Request) -> Response:
    """The page where the user types the device's code."""
    code = html.escape(request.query_params.get("user_code", ""), quote=True)
    return _page(f"{_issuer(request).url}/verify", f'<label>Code <input name="user_code" value="{code}"></label>')


async def verify(request: Request) -> Response:
    """The user approves a device."""
    form = await _form(request)
    user = await run_in_threadpool(_user_of_password, request, form)
    if user is None:
        return HTMLResponse("Wrong user name or password", 403)
    approved = _issuer(request).approve(form.get("user_code", ""), user)
    return HTMLResponse("Done: go back to your device" if approved else "No device shows this code", 200 if approved else 400)


def login_form(request: Request) -> Response:
    """The page where a user logs in for a service that redirected them here."""
    target = urlencode({"redirect_uri": request.query_params.get("redirect_uri", "")})
    return _page(html.escape(f"{_issuer(request).url}/auth?{target}", quote=True), "")


async def login(request: Request) -> Response:
    """Redirect to the service with a code. Only to this server: an issuer that sends codes anywhere would give accounts away."""
    target = request.query_params.get("redirect_uri", "")
    if urlsplit(target)[:2] != urlsplit(_issuer(request).url)[:2]:
        return JSONResponse({"error": "invalid_request", "error_description": "redirect_uri is not a place of this server"}, 400)
    user = await run_in_threadpool(_user_of_password, request, await _form(request))
    if user is None:
        return HTMLResponse("Wrong user name or password", 403)
    return RedirectResponse(f"{target}?{urlencode({'code': _issuer(request).new_code(user)})}", 302)


def routes() -> list[Route]:
    """All routes of this module."""
    return [
        Route("/oidc/.well-known/openid-configuration", discovery),
        Route("/oidc/certs", certs),
        Route("/oidc/token", token, methods=["POST"]),
        Route("/oidc/userinfo", userinfo),
        Route("/oidc/device", device, methods=["POST"]),
        Route("/oidc/verify", verify_form),
        Route("/oidc/verify", verify, methods=["POST"]),
        Route("/oidc/auth", login_form),
        Route("/oidc/auth", login, methods=["POST"]),
    ]


def _grant(request: Request, form: Mapping[str, str]) -> Tokens:
    issuer = _issuer(request)
    kinds: dict[str, Callable[[], Tokens]] = {
        "password": lambda: _by_password(request, form),
        "refresh_token": lambda: issuer.refreshed(form.get("refresh_token", "")),
        "authorization_code": lambda: issuer.redeem(form.get("code", "")),
        _DEVICE_GRANT: lambda: issuer.redeem(form.get("device_code", "")),
    }
    kind = kinds.get(form.get("grant_type", ""))
    if kind is None:
        raise GrantError("unsupported_grant_type")
    return kind()


def _by_password(request: Request, form: Mapping[str, str]) -> Tokens:
    user = _user_of_password(request, form)
    if user is None:
        raise GrantError("invalid_grant")
    return _issuer(request).tokens(user)


def _user_of_password(request: Request, form: Mapping[str, str]) -> str | None:
    return endpoint_of(request).gate.user_of_password(
        form.get("username", ""), form.get("password", ""), request.client.host if request.client else ""
    )


def _issuer(request: Request) -> Issuer:
    return endpoint_of(request).issuer


async def _form(request: Request) -> dict[str, str]:
    body = (await raw_body(request)).decode(errors="replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True, max_num_fields=50).items()}


def _page(action: str, fields: str) -> Response:
    login_fields = '<label>User <input name="username"></label> <label>Password <input name="password" type="password"></label>'
    return HTMLResponse(f'<form method="post" action="{action}">{fields}{login_fields}<button>Go on</button></form>')
