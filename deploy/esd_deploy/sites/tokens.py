"""Bearer tokens: where they come from, and how a client that waits for a day always has a valid one. A token is never printed."""

import importlib
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import jwt

from esd_build.data.errors import UsageError
from esd_deploy.sites import oidc
from esd_deploy.sites.source import CredentialsSource

MARGIN_S = 60
"""Renew a token that expires in less than so many seconds; a short-lived one in the last quarter of its life."""
_LAST_PART = 4
_LONGEST = 64 * 1024
_BY_HAND = "the token given by hand"
_OPAQUE_S = 300
"""Seconds for which a token without an expiry time is used before its source is asked again."""

Place = Callable[[], str | None]
"""Asks one place for a token. Returns None if the place has none."""
Clock = Callable[[], float]


def expiry(token: str) -> float | None:
    """When a token expires, in seconds since 1970, by its own claim; None if it does not say. Does not check the signature."""
    return _time(token, "exp")


def _time(token: str, claim: str) -> float | None:
    try:
        told = jwt.decode(token, options={"verify_signature": False}).get(claim)
    except jwt.InvalidTokenError:
        return None
    return float(told) if isinstance(told, int | float) else None


@dataclass
class Tokens:
    """Always gives a valid token, from the first place that has one."""

    places: Mapping[str, Place] = field(repr=False)
    clock: Clock = time.time
    fixed: frozenset[str] = frozenset()
    """Places that do not renew their token: given by hand, an environment variable, a file that somebody writes."""
    _token: str | None = field(default=None, repr=False)
    _place: str | None = None
    _until: float = 0
    _margin_s: float = MARGIN_S
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def bearer(self) -> str:
        """A valid token. Raises UsageError if no place has one, or if the only one has expired."""
        with self._lock:
            if self._token is None or self.clock() > self._until - self._margin_s:
                self._fetch()
            return self._token or ""

    def renew(self) -> bool:
        """Ask the places again after the site refused the token; True if there is another one now."""
        with self._lock:
            before = self._token
            self._fetch()
            return self._token != before

    @property
    def renews(self) -> bool:
        """Whether the current token is renewed without the user."""
        return self._place not in self.fixed

    def lifetime_s(self) -> float | None:
        """Seconds for which the current token is still valid; None if it does not say."""
        return None if expiry(self.bearer()) is None else self._until - self.clock()

    def _fetch(self) -> None:
        """A new token; while the issuer is away, the current one as long as it is valid."""
        for place, ask in self.places.items():
            try:
                token = _token(ask(), place)
            except oidc.IssuerAwayError:
                if self._token is None or self._until <= self.clock():
                    raise
                return
            if token and self._keep(token, place):
                return
        if self._token is None:
            raise UsageError(f"no token; looked in: {'; '.join(self.places)}")
        if self._until <= self.clock():
            end, now = (datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") for at in (self._until, self.clock()))
            raise UsageError(
                f"the token has expired (at {end} UTC; it is {now} by this machine's clock), and there is no newer one; "
                f"looked in: {'; '.join(self.places)}"
            )

    def _keep(self, token: str, place: str) -> bool:
        """Whether the token is valid now."""
        left_s = self._left_s(token, place)
        if token != self._token:
            self._margin_s = min(MARGIN_S, left_s / _LAST_PART)
        self._token, self._place, self._until = token, place, self.clock() + left_s
        return left_s > 0

    def _left_s(self, token: str, place: str) -> float:
        """Seconds for which a token is still valid. One issued just now cannot have expired: this clock or the issuer's is wrong."""
        end, issued = expiry(token), _time(token, "iat")
        if end is None:
            return _OPAQUE_S + MARGIN_S
        left_s = end - self.clock()
        return end - issued if left_s <= 0 and issued is not None and place not in self.fixed and token != self._token else left_s


def tokens(
    source: CredentialsSource,
    site: str,
    *,
    given: str | None = None,
    environ: Mapping[str, str] = os.environ,
    ca_file: Path | None = None,
) -> Tokens:
    """The places of a site's tokens, in order of search; a token `given` by hand comes first."""
    places: dict[str, Place] = {}
    if given:
        return Tokens({_BY_HAND: lambda: given}, fixed=frozenset({_BY_HAND}))
    if source.token_env:
        variable = source.token_env
        places[f"the environment variable {variable}, which is not set" if not environ.get(variable) else f"${variable}"] = lambda: (
            environ.get(variable)
        )
    if source.token_file:
        path = source.token_file.expanduser()
        places[f"the file {source.token_file}"] = lambda: secret_file(path, optional=True)
    fixed = frozenset(places)
    if source.jupyter:
        places["the EBRAINS JupyterLab (not here)"] = jupyter
    if source.oidc:
        issuer = source.oidc
        places[f"`esd-deploy login --site {site}` (not done)"] = lambda: oidc.access_token(issuer, ca_file=ca_file)
    return Tokens(places, fixed=fixed)


def jupyter() -> str | None:
    """The user's token in an EBRAINS JupyterLab, which renews it; None outside a JupyterLab."""
    try:
        oauth = importlib.import_module("clb_nb_utils.oauth")
    except ImportError:
        return None
    return str(oauth.get_token()).removeprefix("Bearer ").strip() or None


def _token(secret: str | None, place: str) -> str | None:
    """A bearer token as RFC 6750 lets a header carry it. Raises UsageError that names its place, and nothing of the token."""
    token = one_line(secret, place)
    if token and (len(token) > _LONGEST or not token.isascii() or " " in token):
        raise UsageError(f"the token in {place} is too long, or contains a space or a letter that no token has; save it again, as one line")
    return token


def one_line(secret: str | None, place: str) -> str | None:
    """A secret in a form that fits a header. Raises UsageError that names the secret's place and shows nothing of it."""
    if secret and not secret.isprintable():
        raise UsageError(f"the secret in {place} contains a line break or another character that no secret has; save it again, as one line")
    return secret


def secret_file(path: Path, *, optional: bool = False) -> str | None:
    """A secret from a file. Raises UsageError if the file is unreadable, or if anybody but its owner can read it."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or os.geteuid() not in {0, status.st_uid}:
                raise UsageError(f"{path} belongs to another account (uid {status.st_uid}); copy the secret to a file that you own")
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise UsageError(f"others can read {path}; `chmod 600 {path}`, and renew the secret in it")
            content = file.read(_LONGEST + 1)
            if len(content) > _LONGEST:
                raise UsageError(f"{path} is longer than any secret ({_LONGEST} bytes); save the secret again, alone in the file")
            return one_line(content.decode("utf-8", errors="replace").removeprefix("\ufeff").strip(), str(path)) or None
    except FileNotFoundError as error:
        if optional:
            return None
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
