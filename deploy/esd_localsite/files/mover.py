"""Moves files between storages of this server, the login node's disk and the web: for imports, exports and transfers.

Everything is read and written with the rights of the user whose job or transfer it is.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from ssl import create_default_context
from urllib.parse import urlsplit

import httpx

from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.credentials import Credentials, TokenOf
from esd_localsite.description.staging import LocalFile, Place, StoredFile, WebFile, place
from esd_localsite.files.files import PathError, Storage
from esd_localsite.files.processes import Account

_CHUNK = 256 * 1024
_WEB_TIMEOUT_S = 30.0
_LOOPBACK = ("127.0.0.1", "localhost")

Meter = Callable[[int], None]
"""Called after every piece that was written; may raise to end the move."""


@dataclass(frozen=True)
class Asker:
    """The user on whose behalf a file moves, and the credentials for web servers."""

    user: str
    credentials: Credentials | None = None


@dataclass(frozen=True)
class Mover:
    """Resolves addresses at this server. Raises PathError, DescriptionError, OSError."""

    config: EndpointConfig
    storage_of: Callable[[str, str, Account], Storage]
    """Storage id, user and account → the storage, if the user may have it; raises PathError."""
    token_of: TokenOf

    def place(self, address: str) -> Place:
        """Resolve an address."""
        parts = urlsplit(self.config.site_url)
        hosts = {f"{host}:{parts.port}" for host in (parts.hostname or "", *_LOOPBACK)}
        return place(address, frozenset(hosts), parts.path)

    def bring(self, address: str, to: Storage, name: str, asker: Asker, meter: Meter) -> None:
        """Copy what is at `address` to `name` in the storage `to`: a file, a folder, or what a wildcard matches."""
        match self.place(address):
            case StoredFile(storage, source):
                _copy(self.storage_of(storage, asker.user, to.account), source, to, name, meter)
            case LocalFile(path):
                _copy(Storage(Path("/"), to.account), path, to, name, meter)
            case WebFile(url):
                self._download(url, to, name, asker, meter)

    def send(self, source: Storage, name: str, address: str, asker: Asker, meter: Meter) -> None:
        """Copy `name` of the storage `source` to `address`."""
        match self.place(address):
            case StoredFile(storage, target):
                _copy(source, name, self.storage_of(storage, asker.user, source.account), target, meter)
            case LocalFile(path):
                _copy(source, name, Storage(Path("/"), source.account), path, meter)
            case WebFile(url):
                raise PathError(f"cannot send files to '{url}': fetch them from there")

    def _download(self, url: str, to: Storage, name: str, asker: Asker, meter: Meter) -> None:
        if asker.credentials and not url.startswith("https:"):
            raise PathError(f"'{url}' is not encrypted: 'Credentials' are shown to https:// addresses only")
        shown = asker.credentials and asker.credentials.resolved(self.token_of(asker.user))
        headers = {"Authorization": shown.authorization} if shown else {}  # httpx does not pass them on to where a redirect leads
        trusted = create_default_context(cafile=self.config.login_environment.get("SSL_CERT_FILE"))
        try:
            with httpx.stream("GET", url, headers=headers, verify=trusted, timeout=_WEB_TIMEOUT_S, follow_redirects=True) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise PathError(f"'{url}' answers {answer.status_code}")
                to.receive(name, _metered(answer.iter_bytes(_CHUNK), meter))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PathError(f"cannot read '{url}': {error or type(error).__name__}") from error


def _copy(source: Storage, name: str, to: Storage, target: str, meter: Meter) -> None:
    """One file to `target`; several (a folder, a wildcard) into it as a folder."""
    found = source.matching(name)
    if not found:
        raise FileNotFoundError(2, os.strerror(2), name)
    single = len(found) == 1 and PurePosixPath("/" + found[0]) == PurePosixPath("/" + name)
    for path in found:
        if single:
            destination = target if target.strip("/") else PurePosixPath(name).name
        else:
            destination = f"{target}/{PurePosixPath(path).relative_to(source.common_part(name))}"
        to.receive(destination, _metered(source.pieces(path), meter))


def _metered(pieces: Iterator[bytes], meter: Meter) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        meter(len(piece))
