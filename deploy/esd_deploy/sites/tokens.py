"""Bearer tokens: where they come from, and how a valid one is at hand during a wait of a day. A token is never printed."""

import importlib
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from esd_build.data.errors import UsageError
from esd_deploy.sites import oidc
from esd_deploy.sites.source import CredentialsSource

MARGIN_S = 60
"""A token that ends sooner than this is renewed first."""
_LONGEST = 64 * 1024
_OPAQUE_S = 300
"""How long a token that does not tell its end is used before its source is asked again."""

Place = Callable[[], str | None]
"""Asks one place for a token; None where it has none."""
Clock = Callable[[], float]


def expiry(token: str) -> float | None:
    """When a token ends, in seconds since 1970, as it says itself; None where it does not say. The signature is the site's to check."""
    try:
        end = jwt.decode(token, options={"verify_signature": False}).get("exp")
    except jwt.InvalidTokenError:
        return None
    return float(end) if isinstance(end, int | float) else None


@dataclass
class Tokens:
    """A valid token whenever it is asked for, from the first place that has one."""

    places: Mapping[str, Place] = field(repr=False)
    clock: Clock = time.time
    renews: bool = True
    """Whether asking again may give a newer token: a token that was given by hand stays as it is."""
    _token: str | None = field(default=None, repr=False)
    _until: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def bearer(self) -> str:
        """Raises UsageError where no place has a token, or only one that has ended."""
        with self._lock:
            if self._token is None or self.clock() > self._until - MARGIN_S:
                self._fetch()
            return self._token or ""

    def renew(self) -> bool:
        """Ask the places again for a token that the site refused; True where there is another one now."""
        with self._lock:
            before = self._token
            self._fetch()
            return self._token != before

    def lifetime_s(self) -> float | None:
        """How long the present token is valid still; None where it does not say."""
        end = expiry(self.bearer())
        return None if end is None else end - self.clock()

    def _fetch(self) -> None:
        for place, ask in self.places.items():
            token = one_line(ask(), place)
            if token:
                end = expiry(token)
                self._token, self._until = token, end if end is not None else self.clock() + _OPAQUE_S + MARGIN_S
                if self._until > self.clock():
                    return
        if self._token is None:
            raise UsageError(f"no token: looked at {'; '.join(self.places)}")
        if self._until <= self.clock():
            raise UsageError(f"the token has ended, and there is no newer one; looked at {'; '.join(self.places)}")


def tokens(
    source: CredentialsSource,
    site: str,
    *,
    given: str | None = None,
    environ: Mapping[str, str] = os.environ,
    ca_file: Path | None = None,
) -> Tokens:
    """The places of a site's tokens, in their order; a token `given` by hand goes before all."""
    places: dict[str, Place] = {}
    if given:
        return Tokens({"the token given by hand": lambda: given}, renews=False)
    if source.token_env:
        variable = source.token_env
        places[f"the environment variable {variable}, which is not set" if not environ.get(variable) else f"${variable}"] = lambda: (
            environ.get(variable)
        )
    if source.token_file:
        path = source.token_file.expanduser()
        places[f"the file {source.token_file}"] = lambda: secret_file(path, optional=True)
    if source.jupyter:
        places["the EBRAINS JupyterLab (not here)"] = jupyter
    if source.oidc:
        issuer = source.oidc
        places[f"`esd-deploy login --site {site}` (not done)"] = lambda: oidc.access_token(issuer, ca_file=ca_file)
    return Tokens(places)


def jupyter() -> str | None:
    """The token of the user of an EBRAINS JupyterLab, which renews it itself; None outside of it."""
    try:
        oauth = importlib.import_module("clb_nb_utils.oauth")
    except ImportError:
        return None
    return str(oauth.get_token()).removeprefix("Bearer ").strip() or None


def one_line(secret: str | None, place: str) -> str | None:
    """A secret as a header can carry it. Raises UsageError that names its place, and nothing of the secret."""
    if secret and not secret.isprintable():
        raise UsageError(f"the secret from {place} holds a line break or another character that none has; save it again, as one line")
    return secret


def secret_file(path: Path, *, optional: bool = False) -> str | None:
    """A secret from a file that only its owner can read. Raises UsageError where others can, or where it cannot be read."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or os.geteuid() not in {0, status.st_uid}:
                raise UsageError(f"{path} is no file of your own (owner: uid {status.st_uid}); a secret is read from one of your own only")
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise UsageError(f"{path} can be read by others; `chmod 600 {path}`, and renew the secret that is in it")
            return one_line(file.read(_LONGEST).decode("utf-8", errors="replace").removeprefix("\ufeff").strip(), str(path)) or None
    except FileNotFoundError as error:
        if optional:
            return None
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
