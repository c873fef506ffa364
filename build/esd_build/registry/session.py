"""A live connection to one registry: verified TLS, time limits, login, and no word to servers that the registry merely names."""

import contextlib
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from ssl import SSLContext
from typing import Any
from urllib.parse import urlsplit

import oras.provider
import requests
from oras.container import Container
from requests.adapters import HTTPAdapter

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.net.addresses import joined, next_hop, origin, proxy_for, through
from esd_build.net.allowance import ANSWER, FILE, allowed, tls
from esd_build.net.patience import PassingFault, Patience
from esd_build.registry.answers import checked
from esd_build.registry.credentials import Credentials
from esd_build.registry.login import Login

_TIMEOUTS_S = (5, 120)  # to connect, between two bytes
_BLOCK = 64 * 1024  # read and sent at a time; the default is 16 KiB


class _Adapter(HTTPAdapter):
    """Sends files in large blocks, over connections that count."""

    def __init__(self, trusted: SSLContext) -> None:
        self._trusted = trusted
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, blocksize=_BLOCK, ssl_context=self._trusted)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=self._trusted)


class _Session(requests.Session):
    """Takes its login from nowhere but the caller, is never redirected away from TLS, and takes no login along to another server."""

    def __init__(self, trusted: SSLContext) -> None:
        super().__init__()
        self.auth = _as_it_is  # without it, requests puts in what ~/.netrc has for this host
        self.headers["Accept-Encoding"] = "identity"  # a small answer that unpacks to a large one gets around every limit
        self.mount("https://", _Adapter(trusted))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        try:
            target = super().get_redirect_target(resp)
        except UnicodeError as error:
            raise ToolError(f"{origin(resp.url)} redirects to what is not an address ({error}); it was not followed") from error
        return target and next_hop(resp.url, target)

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """At a redirect. The library's own would look the new host up in ~/.netrc."""
        if origin(str(prepared_request.url)) != origin(response.url):
            prepared_request.headers.pop("Authorization", None)

    def rebuild_proxies(self, prepared_request: requests.PreparedRequest, proxies: Any) -> dict[str, str]:  # noqa: ARG002 - as above
        return _proxies(str(prepared_request.url))

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        found = super().merge_environment_settings(url, proxies, stream, verify, cert)
        return {**found, "proxies": _proxies(str(url))}


class Connection(oras.provider.Registry):  # type: ignore[misc]
    """oras' provider with one replaced function: how a request is made. `patience` says how long passing faults are borne with."""

    def __init__(self, host: str, *, ca_file: Path | None, credentials: Credentials | None, patience: Patience) -> None:
        if ca_file is not None and not ca_file.is_file():
            raise UsageError(f"{ca_file}: no such file; it should hold the certificate authority of registry {host}")
        super().__init__(host, tls_verify=str(ca_file) if ca_file else True)
        session = _Session(tls(ca_file))
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # as oras does: Harbor takes a cookie for a browser's
        self.session: requests.Session = session
        self.host = host
        self.patience = patience
        self.login = Login(host, credentials, self._send)

    def container(self, reference: ImageReference) -> Container:
        """oras' form of a reference, which knows the registry's URLs."""
        return Container(str(reference), registry=self.host)

    def ask(
        self,
        method: str,
        url: str,
        doing: str,
        *,
        accepted: frozenset[int] = frozenset({200}),
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        stream: bool = False,
    ) -> requests.Response:
        """One request, tried once. Raises PassingFault, or the final error of an answer that is not an accepted one."""
        with self.faults(doing):
            response = self.do_request(url, method, data=data, headers=dict(headers or {}), stream=stream)
            self.patience.answered()
            return checked(response, doing, accepted)

    def patiently(self, method: str, url: str, doing: str, **options: Any) -> requests.Response:
        """The same, done again after passing faults: for requests that may be repeated."""
        return self.patience.call(lambda: self.ask(method, url, doing, **options))

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: Any = None,
        headers: dict[str, str] | None = None,
        json: Any = None,
        stream: bool = False,
    ) -> requests.Response:
        """A request with the login that the registry asks for. Overrides oras': that one knows no expired token and retries for minutes."""
        url = self.own(url)
        options: dict[str, Any] = {"data": data, "json": json, "stream": stream}
        own = "Authorization" in (headers or {})  # for a part of the server that takes another login than the registry's
        response = self._send(method, url, headers={**({} if own else self.login.header()), **(headers or {})}, **options)
        if response.status_code != requests.codes.unauthorized or own:
            return response
        with response:
            self.login.answer(response)
        if data is not None and hasattr(data, "seek"):
            data.seek(0)
        response = self._send(method, url, headers={**(headers or {}), **self.login.header()}, **options)
        if response.status_code == requests.codes.unauthorized:
            raise self.login.refused(response)
        return response

    @contextlib.contextmanager
    def faults(self, doing: str) -> Iterator[None]:
        """Makes the errors of the network this project's: passing ones PassingFault, the others ToolError."""
        try:
            yield
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise ToolError(
                    f"{doing}: the certificate of {self.host} is not trusted; name its authority with --ca-file, "
                    f"or as registry_ca_file in the site's file ({error})"
                ) from error
            raise PassingFault(self._silent(doing)) from error
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise PassingFault(self._silent(doing)) from error
        except (requests.exceptions.RequestException, ValueError) as error:  # ValueError: what no header, no address can hold
            raise ToolError(f"{doing}: registry {self.host}: {error}") from error

    def _silent(self, doing: str) -> ToolError:
        registry = f"registry {self.host}{through(f'https://{self.host}/')}"
        if self.patience.has_answered:
            return ToolError(f"{doing}: the connection to {registry} broke several times; finished parts are kept, try again")
        return ToolError(f"{doing}: {registry} does not answer; check that it is up (a local site's: `esd-deploy local up`)")

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        follow = method in {"GET", "HEAD"}
        with allowed(FILE if options.get("stream") else ANSWER):
            response = self.session.request(method, url, verify=self._tls_verify, timeout=_TIMEOUTS_S, allow_redirects=follow, **options)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            response.close()
            raise ToolError(f"registry {self.host} compresses its answer although the request forbade it; the answer was dropped")
        return response

    def own(self, url: str) -> str:
        """The whole URL, where it is one of this registry: uploads go where the registry says, and must not carry the login elsewhere."""
        parts = urlsplit(joined(f"https://{self.host}/", url))
        if (parts.scheme, parts.netloc) != ("https", self.host):
            raise ToolError(f"registry {self.host} redirects to another server, {url[:200]}; nothing was sent there")
        return parts.geturl()


def _proxies(url: str) -> dict[str, str]:
    proxy = proxy_for(url)
    return {"https": proxy} if proxy else {}


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
