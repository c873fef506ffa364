"""Gets tokens from an OpenID Connect issuer: once by the device flow (RFC 8628), then by refresh tokens (RFC 6749, 6).

The refresh token is in a file that only its owner can read. It goes only to the issuer that gave it.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import platformdirs
from filelock import FileLock

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.whole import write_whole
from esd_build.net.answers import parsed, printable
from esd_deploy.net.http import client as http_client

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_TIMEOUT_S = 30


class IssuerAwayError(ToolError):
    """The issuer does not answer now; the stored login stays valid."""


@dataclass(frozen=True)
class Login:
    """A stored login, with which clients get tokens without the user."""

    issuer: str
    client_id: str
    refresh_token: str = field(repr=False)


@dataclass(frozen=True)
class Prompt:
    """What the user must do to log in: open a page and confirm a code there."""

    url: str
    code: str
    seconds: int


def folder() -> Path:
    """The folder of the stored logins."""
    return Path(os.environ.get("ESD_STATE_DIR") or platformdirs.user_state_dir("esd-images")) / "logins"


def client(ca_file: Path | None = None) -> httpx.Client:
    """An HTTP client that trusts the machine's certificate authorities, and the one in `ca_file`."""
    return http_client(ca_file, besides=True, timeout=httpx.Timeout(_TIMEOUT_S))


def access_token(issuer: str, *, http: httpx.Client | None = None, where: Path | None = None, ca_file: Path | None = None) -> str | None:
    """A fresh access token from the stored login; None without a login.

    An issuer may give a new refresh token each time and end the old one, so this stores the new one first. A lock stops two clients from
    using the same one, which would lose the login. Raises UsageError if the issuer ended the login, IssuerAwayError if it does not answer.
    """
    path = _path(issuer, where)
    if not path.is_file():
        return None
    with FileLock(f"{path}.lock"):
        login = _load(path)
        with http or client(ca_file) as session:
            answer = _post(
                session,
                _endpoint(session, issuer, "token_endpoint"),
                {"grant_type": "refresh_token", "refresh_token": login.refresh_token, "client_id": login.client_id},
            )
        if "access_token" not in answer:
            raise UsageError(f"{issuer} ended the login ({_reason(answer)}); log in again with `esd-deploy login`")
        _save(path, Login(issuer, login.client_id, str(answer.get("refresh_token") or login.refresh_token)))
    return str(answer["access_token"])


def log_in(
    issuer: str,
    client_id: str,
    show: Callable[[Prompt], None],
    *,
    http: httpx.Client | None = None,
    where: Path | None = None,
    ca_file: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Ask the user to confirm a code in any browser, and store the login. Returns its file. Raises UsageError if nobody confirms it."""
    with http or client(ca_file) as session:
        started = _post(
            session,
            _endpoint(session, issuer, "device_authorization_endpoint"),
            {"client_id": client_id, "scope": "openid offline_access"},
        )
        if "device_code" not in started:
            raise ToolError(f"{issuer} refuses a login for client '{client_id}' ({_reason(started)})")
        show(_prompt(issuer, started))
        answer = _confirmed(session, issuer, client_id, started, sleep)
    if "refresh_token" not in answer:
        raise ToolError(f"{issuer} gives client '{client_id}' no refresh token; ask its administrator for offline access")
    path = _path(issuer, where)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _save(path, Login(issuer, client_id, str(answer["refresh_token"])))
    return path


def _prompt(issuer: str, started: dict[str, Any]) -> Prompt:
    """The prompt that the issuer wants shown. Raises ToolError unless its page is an https address."""
    page = printable(started.get("verification_uri_complete") or started.get("verification_uri"), 500)
    if not page.startswith("https://"):
        raise ToolError(f"{issuer} names no https page for the login ('{page}'); tell the issuer's administrator")
    return Prompt(page, printable(started.get("user_code"), 100), round(_seconds(started.get("expires_in"), 600)))


def _seconds(value: object, usual: float) -> float:
    """A time in seconds that an issuer asks for, limited to 1 to 3600."""
    return min(max(float(value), 1.0), 3600.0) if isinstance(value, int | float) else usual


def _confirmed(
    session: httpx.Client, issuer: str, client_id: str, started: dict[str, Any], sleep: Callable[[float], None]
) -> dict[str, Any]:
    """Ask for tokens until the user has confirmed (RFC 8628, 3.4 and 3.5)."""
    wait_s = _seconds(started.get("interval"), 5)
    for _ in range(max(1, int(_seconds(started.get("expires_in"), 600) / wait_s))):
        sleep(wait_s)
        form = {"grant_type": _DEVICE, "device_code": str(started["device_code"]), "client_id": client_id}
        answer = _post(session, _endpoint(session, issuer, "token_endpoint"), form)
        if "access_token" in answer:
            return answer
        if answer.get("error") == "slow_down":
            wait_s += 5
        elif answer.get("error") != "authorization_pending":
            raise UsageError(f"{issuer}: the login was not confirmed ({_reason(answer)}); run `esd-deploy login` again")
    raise UsageError(f"{issuer}: nobody confirmed the login in time; run `esd-deploy login` again")


def _reason(answer: dict[str, Any]) -> str:
    """Why an issuer refuses: its error code (RFC 6749, 5.2) and its description."""
    known = (printable(answer.get(name), 300) for name in ("error", "error_description") if answer.get(name))
    return ": ".join(known) or "no reason given"


def _endpoint(session: httpx.Client, issuer: str, name: str) -> str:
    found = _answer(session, "GET", f"{issuer}/.well-known/openid-configuration", {}).get(name)
    if not str(found).startswith("https://"):
        raise ToolError(f"{issuer} names no {name} with https ('{found}'); tell the issuer's administrator")
    return str(found)


def _post(session: httpx.Client, url: str, form: dict[str, str]) -> dict[str, Any]:
    return _answer(session, "POST", url, form)


def _answer(session: httpx.Client, method: str, url: str, form: dict[str, str]) -> dict[str, Any]:
    """The JSON object in an issuer's answer; refusals are objects, too. Raises ToolError for any other answer."""
    try:
        answer = session.request(method, url, data=form or None)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise IssuerAwayError(f"{url} does not answer ({type(error).__name__}); try again later") from error
    if answer.status_code >= 500:
        raise IssuerAwayError(f"{url} answered {answer.status_code}; try again later")
    try:
        content = parsed(answer.content, url)
    except ToolError as error:
        raise ToolError(f"{url} answered {answer.status_code}, but not as OpenID Connect requires; check the issuer's address") from error
    if not isinstance(content, dict):
        raise ToolError(f"{url} answered {answer.status_code}, but not as OpenID Connect requires; check the issuer's address")
    return content


def _path(issuer: str, where: Path | None) -> Path:
    return (where or folder()) / f"{hashlib.sha256(issuer.encode()).hexdigest()[:16]}.json"


def _load(path: Path) -> Login:
    try:
        return Login(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"{path} is no longer a valid login; log in again with `esd-deploy login`") from error


def _save(path: Path, login: Login) -> None:
    content = {"issuer": login.issuer, "client_id": login.client_id, "refresh_token": login.refresh_token}
    write_whole(path, json.dumps(content), mode=0o600)
