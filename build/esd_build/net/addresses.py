"""Where a request may go: over TLS only, credentials to nobody but the server they are for, to this machine itself by no proxy."""

import ipaddress
import urllib.request
from urllib.parse import urljoin, urlsplit

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.answers import printable

_PROXIES = frozenset({"http", "https"})
_PLACES = "$HTTPS_PROXY or $ALL_PROXY"
MOST_HOPS = 5
"""Redirects that are followed, one after the other."""


def origin(url: str) -> str:
    """Scheme, host and port, as they are compared: the default port is the same as none. Raises ToolError for what is not an address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    except ValueError as error:
        raise ToolError(f"'{url[:200]}' is not an address ({error})") from error
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def joined(url: str, other: str) -> str:
    """An address that a server named, maybe relative to its own. Raises ToolError for what is not one."""
    try:
        found = urljoin(url, other)
        urlsplit(found)
    except ValueError as error:
        raise ToolError(f"{origin(url)} names '{other[:200]}', which is not an address ({error})") from error
    return found


def next_hop(url: str, location: str) -> str:
    """Where a redirect leads. Raises ToolError if that is not over TLS."""
    target = joined(url, location)
    if not target.lower().startswith("https://"):
        raise ToolError(f"{origin(url)} redirects to {target[:200]}, which is not https; it was not followed")
    return target


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine itself."""
    name = host.lower().strip("[]").rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for an address ($HTTPS_PROXY, $NO_PROXY); None for this machine: no proxy reaches that.

    Raises UsageError for a proxy of another kind than HTTP.
    """
    parts = urlsplit(url)
    if is_loopback(parts.hostname or "") or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    known = urllib.request.getproxies()
    proxy = known.get(parts.scheme) or known.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if proxy.partition("://")[0].lower() not in _PROXIES:
        raise UsageError(
            f"{origin(url)} cannot be reached through the proxy {_shown(proxy)}: only http:// and https:// proxies can be used; correct "
            f"{_PLACES}, or name the host in $NO_PROXY"
        )
    return proxy


def through(url: str) -> str:
    """What a message says of the proxy on the way to an address that does not answer; empty without one."""
    proxy = proxy_for(url)
    return f" (through the proxy {_shown(proxy)} of {_PLACES})" if proxy else ""


def _shown(proxy: str) -> str:
    """Without the password that it may hold."""
    scheme, _, rest = proxy.partition("://")
    return printable(f"{scheme}://{rest.rpartition('@')[2]}", 200)
