"""Logging in to a registry: answers its challenges, and renews a token before it expires in the middle of gigabytes.

Follows the token authentication of the distribution project. oras-py's own keeps a token that expired, and knows no Basic challenge.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import requests
from oras.auth.utils import get_basic_auth, parse_auth_header
from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.addresses import origin
from esd_build.registry.answers import checked, said
from esd_build.registry.credentials import LOGIN_FILE, Credentials

_USED_LIFE = 0.8  # of a token's life; the rest is for a slow request
_REPOSITORY = re.compile(r"/v2/(.+)/(?:manifests|blobs|tags|referrers)/")
_SCHEME = re.compile(r"\s*(bearer|basic)\b", re.IGNORECASE)


class _Token(BaseModel):
    """A token service's answer; called by either name; it lives a minute where it does not say otherwise."""

    model_config = ConfigDict(extra="ignore")

    token: str | None = None
    access_token: str | None = None
    expires_in: float = 60


@dataclass(frozen=True)
class _Challenge:
    """What a registry asks for: a token for this scope, from this service."""

    realm: str
    service: str | None
    scope: str | None


class Login:
    """The login at one registry. `send` asks the token service: the connection's own request function, with its time limits and TLS."""

    def __init__(
        self,
        host: str,
        credentials: Credentials | None,
        send: Callable[..., requests.Response],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.credentials = credentials
        self._host = host
        self._send = send
        self._clock = clock
        self._challenge: _Challenge | None = None
        self._header: str | None = None
        self._renew_at = float("inf")

    def header(self) -> dict[str, str]:
        """What a request to the registry carries; asks for a new token where the old one is near its end."""
        if self._challenge is not None and self._clock() >= self._renew_at:
            self._ask_for_token(self._challenge)
        return {"Authorization": self._header} if self._header else {}

    def answer(self, refusal: requests.Response) -> None:
        """Log in as a 401 asks for it. Raises UsageError if there is no account, or if it is refused."""
        wanted = refusal.headers.get("Www-Authenticate", "")
        scheme = _SCHEME.match(wanted)
        if scheme is None:
            raise UsageError(self._refused(f"{said(refusal) or 'without saying what it wants'}"))
        if scheme[1].lower() == "bearer":
            challenge = parse_auth_header(wanted)
            self._challenge = _Challenge(challenge.realm or "", challenge.service, challenge.scope)
        elif self._challenge is not None:
            # Harbor answers a token that expired, or that is for less, by asking for Basic: its token service is known from before.
            self._challenge = replace(self._challenge, scope=_scope(refusal.request))
        if self._challenge is not None:
            self._ask_for_token(self._challenge)
        else:
            self._use_basic(refusal)

    def missing(self) -> UsageError:
        """The error where an account is needed and there is none."""
        return UsageError(self._refused(""))

    def refused(self, refusal: requests.Response) -> UsageError:
        """The error for a request that is refused although it carried a fresh login."""
        return UsageError(self._refused(said(refusal)))

    def _ask_for_token(self, challenge: _Challenge) -> None:
        if not origin(challenge.realm).startswith("https://"):
            raise ToolError(f"registry {self._host} asks for the login at '{challenge.realm}', which is not https; nothing was sent there")
        known = self.credentials
        basic = {"Authorization": f"Basic {get_basic_auth(known.username, known.password)}"} if known else {}
        asked = {name: value for name, value in (("service", challenge.service), ("scope", challenge.scope)) if value}
        response = self._send("GET", challenge.realm, params=asked, headers=basic)
        if response.status_code in {401, 403}:
            raise UsageError(self._refused(said(response)))
        checked(response, f"logging in to {self._host}", frozenset({200}))
        try:
            token = _Token.model_validate_json(response.content)
        except ValidationError:
            raise ToolError(f"the token service of registry {self._host} answered without a valid token") from None
        word = token.token or token.access_token or ""
        if not (word.isascii() and word.isprintable()):  # a header cannot hold it, and whoever cannot send it would quote it
            raise ToolError(f"the token service of registry {self._host} answered without a valid token")
        self._header = f"Bearer {word}"
        self._renew_at = self._clock() + _USED_LIFE * token.expires_in

    def _use_basic(self, refusal: requests.Response) -> None:
        if self.credentials is None or self._header is not None:
            raise UsageError(self._refused(said(refusal)))
        self._header = f"Basic {get_basic_auth(self.credentials.username, self.credentials.password)}"

    def _refused(self, words: str) -> str:
        known = f" ({words})" if words else ""
        if self.credentials is None:
            advice = f"name its account's file in ${LOGIN_FILE} and the registry in $ESD_REGISTRY, or `docker login {self._host}`"
            return f"registry {self._host} wants a login for this{known}; {advice}"
        advice = f"it is wrong, expired, or lacks the right; it came from {self.credentials.source}"
        return f"registry {self._host} refuses the account '{self.credentials.username}'{known}; {advice}"


def _scope(request: requests.PreparedRequest) -> str | None:
    """What a request needs, in the words of token services; None if it is about no repository."""
    match = _REPOSITORY.match(urlsplit(request.url or "").path)
    actions = "pull" if request.method in {"GET", "HEAD"} else "pull,push"
    return f"repository:{match[1]}:{actions}" if match else None
