"""What a job or transfer shows to other servers: `Credentials` of its description, or the token that the user showed here."""

import base64
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from ssl import SSLContext, SSLError, create_default_context

import httpx

from esd_localsite.description.fields import Json
from esd_localsite.description.resources import DescriptionError

SESSION = "X-UNICORE-SecuritySession"
TokenOf = Callable[[str], str | None]
"""User → the token that the user showed last, if any."""
_UNKNOWN_SESSION = 432


@dataclass(frozen=True)
class Credentials:
    """`{"Username": …, "Password": …}` or `{"BearerToken": …}`; an empty token stands for the one that the server has of the user."""

    user: str | None = None
    secret: str = field(default="", repr=False)

    def resolved(self, known: str | None) -> "Credentials":
        """With the known token where none is written. Raises DescriptionError where there is none."""
        if self.user is not None or self.secret:
            return self
        if not known:
            raise DescriptionError("'BearerToken' is empty, and you showed no token to this server: write one, or log in with one")
        return Credentials(secret=known)

    @property
    def authorization(self) -> str:
        """The header of that name."""
        if self.user is None:
            return f"Bearer {self.secret}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


def parse_credentials(fields: Mapping[str, Json]) -> Credentials | None:
    """The `Credentials` of an import, an export or a transfer. Raises DescriptionError, which names no value."""
    given = fields.get("Credentials")
    if given is None:
        return None
    if isinstance(given, dict) and all(isinstance(value, str) and value.isascii() and value.isprintable() for value in given.values()):
        if set(given) == {"Username", "Password"}:
            return Credentials(given["Username"], given["Password"])
        if set(given) == {"BearerToken"}:
            return Credentials(secret=given["BearerToken"])
    raise DescriptionError("'Credentials' must be an object with 'Username' and 'Password', or with 'BearerToken'")


def trusted(bundle: str | None, sites: Path | None) -> SSLContext:
    """The authorities that other servers are verified with: those of `bundle` (None: the machine's), and of all sites below `sites`."""
    context = create_default_context(cafile=bundle)
    for authority in sites.glob("*/tls/ca.pem") if sites else ():
        try:
            context.load_verify_locations(authority)
        except (OSError, SSLError):  # a site that is being made or removed just now
            continue
    return context


class InSession(httpx.Auth):
    """Stays in one security session for its questions: with a new one for each, the user's own clients would lose theirs."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._authorization = credentials.authorization if credentials else None
        self._session: str | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        if self._session and request.method == "GET":  # an upload could not be sent again
            request.headers[SESSION] = self._session
        answer = yield request
        if answer.status_code == _UNKNOWN_SESSION and request.headers.pop(SESSION, ""):
            answer = yield request
        self._session = answer.headers.get(SESSION, self._session)
