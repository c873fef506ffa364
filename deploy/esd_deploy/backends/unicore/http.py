"""How requests reach UNICORE: kept-alive connections, tokens that are renewed, and what an answer means."""

import io
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pyunicore.client import Transport
from pyunicore.credentials import AuthenticationFailedException, OIDCToken, RefreshHandler, UsernamePassword

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.addresses import origin
from esd_build.net.allowance import ANSWER, FILE, allowed
from esd_build.net.answers import parsed, printable
from esd_deploy.backends.connection import FULL, AwayError, ConnectionLostError, FullError, GoneError, RefusedError
from esd_deploy.backends.unicore.session import HEADER, shared
from esd_deploy.net.http import client
from esd_deploy.sites.endpoint import Endpoint
from esd_deploy.sites.oidc import IssuerAwayError

_REFUSED = frozenset({401, 403})
_BUSY = frozenset({408, 425, 429, 432})
_MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, httpx.InvalidURL, httpx.StreamError)
"""What reading raises if an answer does not have UNICORE's form."""
_AWAY = r"TSIUnavailable|communicating to the TSI"
"""UNICORE/X in a 500, while the TSI, which reads and writes all files, does not answer. The list of jobs still works."""


class PooledTransport(Transport):  # type: ignore[misc]
    """pyunicore's transport, on one pool of connections and one security session. Renews a refused token once and repeats the request.

    pyunicore opens a new TLS connection for each request and forgets the security session with each resource.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._secret = endpoint.credentials
        self._origins = {origin(endpoint.url)}
        super().__init__(_credential(endpoint), verify=True, use_security_sessions=False)
        self._session = shared(origin(endpoint.url), f"{self._secret.username or ''}:{self._secret.bearer()}")
        self._http = client(endpoint.ca_file)
        self._passages = client(endpoint.ca_file, passages=True)
        weakref.finalize(self, self._http.close)  # no caller of pyunicore closes what it opens
        weakref.finalize(self, self._passages.close)

    def _clone(self) -> "PooledTransport":
        return self

    def run_method(self, method: Callable[..., httpx.Response], **options: Any) -> httpx.Response:
        response = self._answer(method.__name__, options)
        self.check_error(response)
        if response.content and "json" in response.headers.get("content-type", ""):
            parsed(response.content, str(response.url))  # pyunicore parses it again, and accepts whatever Python's own parser accepts
        self.settings_changed = False
        return response

    @contextmanager
    def get_stream(self, **options: Any) -> Iterator[httpx.Response]:
        """A download. pyunicore checks the status of everything else; without this check an error page would become the file."""
        response = self._answer("GET", options, stream=True)
        try:
            if response.status_code >= 400:
                response.read()
                self.check_error(response)
            yield response
        finally:
            response.close()

    def upgraded(self, url: str, protocol: str) -> httpx.Response:
        """The answer to a request to leave HTTP for another protocol; if the server agrees (101), the connection is the caller's.

        It is no connection of the pool: tunnels stay open for long.
        """
        options = {"url": url, "headers": {"Connection": "Upgrade", "Upgrade": protocol}}
        return self._answer("GET", options, stream=True, http=self._passages)

    def allow(self, url: str) -> None:
        """Allow requests to one more server: the one that a UNICORE registry gave for the requested site."""
        self._origins.add(origin(url))

    def _require_known(self, url: str) -> None:
        """Credentials go only to the site's own server, whatever a record or a server names."""
        if origin(url) not in self._origins:
            raise UsageError(f"{url} is not at {', '.join(sorted(self._origins))}: no credentials are sent there; is it another site's?")

    def _answer(self, method: str, options: dict[str, Any], *, stream: bool = False, http: httpx.Client | None = None) -> httpx.Response:
        """The answer to a request. Repeats it completely if the server forgot the session or the token has expired."""
        asked, http = options.pop("headers", {}), http or self._http
        self._require_known(str(options["url"]))

        def send(session: str | None) -> httpx.Response:
            content = options.get("content")
            if isinstance(content, io.IOBase):
                content.seek(0)  # a repeated request sends a file from its beginning
            headers = self._headers({"headers": {**asked, **({HEADER: session} if session else {})}})
            with allowed(FILE if stream else ANSWER):
                return http.send(http.build_request(method.upper(), headers=headers, **options), stream=stream)

        response = self._session.run(send)
        if response.status_code in _REFUSED and self._secret.renew():
            response.close()
            response = self._session.run(send)
        return response


class _Renewing(RefreshHandler):  # type: ignore[misc]
    def __init__(self, endpoint: Endpoint) -> None:
        self._secret = endpoint.credentials

    def refresh_token(self) -> str:
        return self._secret.bearer()


def _credential(endpoint: Endpoint) -> Any:
    secret = endpoint.credentials
    if secret.username:
        return UsernamePassword(secret.username, secret.secret)
    return OIDCToken("", refresh_handler=_Renewing(endpoint))


@contextmanager
def errors(endpoint: Endpoint) -> Iterator[None]:
    """Turns what pyunicore and httpx raise into the project's errors."""
    try:
        yield
    except AuthenticationFailedException as error:
        raise _refused(endpoint) from error
    except IssuerAwayError as error:
        raise AwayError(str(error)) from error
    except httpx.LocalProtocolError as error:  # its text quotes the header, and so the secret
        raise ToolError(f"{endpoint.url}: cannot send a header; does the token or the password contain a line break?") from error
    except httpx.HTTPError as error:
        raise meaning(error, endpoint) from error
    except _MISSHAPEN as error:
        what = printable(repr(error), 300)
        raise ToolError(f"{endpoint.url} answered, but not as UNICORE does ({what}); is the address right?") from error


def meaning(error: httpx.HTTPError, endpoint: Endpoint) -> ToolError:
    """pyunicore's errors carry the status code in their text only."""
    said = printable(error)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        trusted = endpoint.ca_file or "the machine's certificate authorities"
        return ToolError(f"the certificate of {endpoint.url} is not signed by {trusted}; correct ca_file, never continue without ({error})")
    if isinstance(error, httpx.TransportError):
        return ConnectionLostError(f"{endpoint.url} does not answer ({said or type(error).__name__}); {endpoint.hint}")
    found = re.match(r"\d{3}", str(error))
    status = int(found[0]) if found else 0
    if status in _REFUSED:
        return _refused(endpoint)
    if status in {404, 410}:
        return GoneError(f"{endpoint.url} no longer knows this: {said}; jobs are removed after their lifetime")
    if full := FULL.search(str(error)):
        what = "your space at the site is used up" if "quota" in full[0].lower() else "a disk at the site is full"
        return FullError(f"{endpoint.url}: {what} ({said}); remove there what is no longer needed; it may also be the server's own disk")
    busy = status >= 500 or status in _BUSY
    lost = AwayError if re.search(_AWAY, str(error)) else ConnectionLostError
    return lost(f"{endpoint.url}: {said}") if busy else ToolError(f"{endpoint.url} refused: {said}")


def _refused(endpoint: Endpoint) -> RefusedError:
    who = f"user '{endpoint.credentials.username}'" if endpoint.credentials.username else "this token"
    return RefusedError(f"{endpoint.url} does not let {who} in: wrong, expired, or without an account there; renew it and try again")
