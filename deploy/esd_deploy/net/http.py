"""The HTTP client for UNICORE, the neuromorphic queue and login servers. Limits are esd_build.net's, as they are for the registry."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path

import httpx

from esd_build.data.errors import ToolError
from esd_build.net.addresses import MOST_HOPS, next_hop, origin, proxy_for, through
from esd_build.net.allowance import tls

_TIMEOUT = httpx.Timeout(60, connect=20)
_LIMITS = httpx.Limits(max_connections=16, keepalive_expiry=60)
_UNLIMITED = httpx.Limits(max_keepalive_connections=0)
_PLAIN = {"Accept-Encoding": "identity"}
"""A small answer that unpacks to a large one gets around every limit; and the length that is told shall be the file's."""

Headers = Callable[[str], Mapping[str, str]]
"""Gives the headers for an address: whether a server gets a token is decided anew for each."""


def client(
    ca_file: Path | None = None, *, besides: bool = False, timeout: httpx.Timeout = _TIMEOUT, passages: bool = False
) -> httpx.Client:
    """A client that trusts the authorities of `ca_file` (`besides`: and the machine's).

    `passages`: for connections that leave HTTP: any number of them, and one that was cut never looks like one that ended.

    It follows no redirect, keeps no cookie and reads no ~/.netrc.

    Raises UsageError if the file holds no certificates.
    """
    trusted = tls(ca_file, besides=besides)
    if passages:
        trusted.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    transport = _Transport(trusted, _UNLIMITED if passages else _LIMITS)
    made = httpx.Client(transport=transport, timeout=timeout, headers=_PLAIN, trust_env=False, follow_redirects=False)
    made.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return made


@contextmanager
def followed(http: httpx.Client, method: str, url: str, headers: Headers) -> Iterator[httpx.Response]:
    """An answer to be read in pieces, wherever redirects lead: over TLS only. Raises ToolError if they lead elsewhere, or in circles."""
    for _hop in range(MOST_HOPS + 1):
        with http.stream(method, url, headers=dict(headers(url))) as response:
            if not response.has_redirect_location:
                yield response
                return
            url = next_hop(url, response.headers["location"])
    raise ToolError(f"{origin(url)} redirects from one address to the next, more than {MOST_HOPS} times; nothing was fetched")


class _Transport(httpx.BaseTransport):
    """Chooses the proxy for each address, and refuses what must not be sent or taken."""

    def __init__(self, trusted: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._trusted = trusted
        self._limits = limits
        self._ways: dict[str | None, httpx.BaseTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme != "https":
            raise ToolError(f"{str(request.url)[:200]} is not https; nothing was sent there")
        response = self._answer(request, str(request.url))
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            response.close()
            raise ToolError(f"{request.url.host} sends a compressed answer although it was asked not to; the answer was dropped")
        return response

    def _answer(self, request: httpx.Request, url: str) -> httpx.Response:
        try:
            return self._way(proxy_for(url)).handle_request(request)
        except httpx.TransportError as error:
            if not (way := through(url)):
                raise
            raise type(error)(f"{error or type(error).__name__}{way}") from error

    def close(self) -> None:
        for way in self._ways.values():
            way.close()

    def _way(self, proxy: str | None) -> httpx.BaseTransport:
        if proxy not in self._ways:
            self._ways[proxy] = httpx.HTTPTransport(verify=self._trusted, limits=self._limits, proxy=proxy, trust_env=False)
        return self._ways[proxy]
