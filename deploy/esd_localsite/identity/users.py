"""Who may log in: the users file, security sessions, and issued tokens."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import jwt
from jwt.types import Options
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.guesses import Guesses
from esd_localsite.identity.oidc import Issuer

_SESSIONS_PER_USER = 5
_HASHING = threading.Lock()
"""One check at a time, so that password guessing cannot use up the memory."""
_ALGORITHM = "HS256"
_CLAIMS: Options = {"require": ["exp", "sub"], "verify_aud": False}


class UserEntry(BaseModel):
    """One user of the users file: the password's scrypt hash and its salt, both in hexadecimal digits."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    password_scrypt: str
    salt: str
    uid_name: str

    @classmethod
    def of(cls, password: str, uid_name: str) -> "UserEntry":
        """An entry for a new password, for writing the users file."""
        salt = secrets.token_bytes(16)
        return cls(password_scrypt=_scrypt(password, salt).hex(), salt=salt.hex(), uid_name=uid_name)

    def accepts(self, password: str) -> bool:
        return hmac.compare_digest(_scrypt(password, bytes.fromhex(self.salt)).hex(), self.password_scrypt)


class UsersFile(RootModel[dict[str, UserEntry]]):
    """User name → entry."""

    @classmethod
    def read(cls, path: Path) -> "UsersFile":
        """Raises LocalSiteError that names the file and the wrong keys, but no values."""
        try:
            return cls.model_validate_json(path.read_text())
        except OSError as error:
            raise LocalSiteError(f"cannot read the users of the UNICORE endpoint, {path}: {error.strerror}") from error
        except ValidationError as error:
            where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise LocalSiteError(f"{path} is not a users file: {where}") from None


@dataclass(frozen=True)
class Identity:
    """An authenticated user."""

    name: str
    uid_name: str
    method: str


class Refusal(Enum):
    """Why a request gets no identity; the value is the HTTP status."""

    WRONG_CREDENTIALS = 403
    TOO_MANY_GUESSES = 429
    UNKNOWN_SESSION = 432


@dataclass(frozen=True)
class _Session:
    identity: Identity | None
    """None: the session of an anonymous client."""
    expires: float


class Gate:
    """Decides whom a request comes from."""

    def __init__(
        self,
        users: UsersFile,
        secret: bytes,
        *,
        issuer: str,
        session_seconds: float,
        oidc: Issuer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._users = users.root
        self._secret = secret
        self._oidc = oidc
        self._pepper = secrets.token_bytes(32)
        self._proved: dict[str, bytes] = {}
        self._shown: dict[str, str] = {}
        self._issuer = issuer
        self.session_seconds = session_seconds
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.Lock()
        self._guesses = Guesses()
        self._nobody = UserEntry.of(secrets.token_hex(), "nobody")

    def identify(self, authorization: str | None, session: str | None, address: str = "") -> Identity | Refusal | None:
        """A session overrides the credentials, as in UNICORE. None: no credentials at all."""
        scheme, _, value = (authorization or "").partition(" ")
        if session is not None:
            if scheme.lower() == "bearer":
                self._token(value.strip())  # it may be a newer one for other servers
            known = self._known(session)
            return known.identity if known else Refusal.UNKNOWN_SESSION
        if authorization is None:
            return None
        if scheme.lower() == "basic":
            return self._password(value.strip(), address)
        return (self._token(value.strip()) if scheme.lower() == "bearer" else None) or Refusal.WRONG_CREDENTIALS

    def open_session(self, identity: Identity | None) -> str:
        """A new session, which replaces the user's least recently used one if there are too many. Anonymous clients get one too."""
        session = str(uuid.uuid4())
        with self._lock:
            own = [key for key, value in self._sessions.items() if value.identity == identity]
            for key in own[: 1 - _SESSIONS_PER_USER]:
                del self._sessions[key]
            self._sessions[session] = _Session(identity, self._clock() + self.session_seconds)
        return session

    def issue_token(self, identity: Identity, lifetime: float, *, renewable: bool = False, limited: bool = False) -> str:
        """A bearer token of the user, for `lifetime` seconds. `limited`: valid at this server only."""
        now = int(self._clock())
        claims: dict[str, object] = {"etd": "true", "sub": identity.name, "iss": self._issuer, "iat": now, "exp": now + int(lifetime)}
        claims |= {"renewable": "true"} if renewable else {}
        claims |= {"aud": self._issuer} if limited else {}
        return jwt.encode(claims, self._secret, algorithm=_ALGORITHM)

    def token_of(self, user: str) -> str | None:
        """The token that the user presented last, for requests to other servers; kept in memory only."""
        return self._shown.get(user)

    def _known(self, session: str) -> _Session | None:
        with self._lock:
            known = self._sessions.pop(session, None)
            if known is None or known.expires <= self._clock():
                return None
            self._sessions[session] = known  # last in the order of use
            return known

    def _password(self, value: str, address: str) -> Identity | Refusal:
        given = name_and_password(value)
        if given is None:
            return Refusal.WRONG_CREDENTIALS
        name, password = given
        if not self.may_try(name, password, address):
            return Refusal.TOO_MANY_GUESSES
        user = self.user_of_password(name, password, address)
        return (self.identity(user, "PASSWORD_FILE") if user else None) or Refusal.WRONG_CREDENTIALS

    def may_try(self, name: str, password: str, address: str) -> bool:
        """Whether to check a password: always if it was right before, else unless somebody guesses from that address."""
        return self._is_proved(name, self._digest(password)) or self._guesses.may_try(name, address)

    def user_of_password(self, name: str, password: str, address: str = "") -> str | None:
        """The user, if the password is theirs. A password that was right is known again without the slow hash (16 MB each)."""
        digest = self._digest(password)
        if self._is_proved(name, digest):
            return name
        if not self._guesses.may_try(name, address):
            return None
        # Unknown names cost the same work, so that the time of an answer does not reveal which names exist.
        entry = self._users.get(name, self._nobody)
        with _HASHING:  # other requests may have waited with the same password
            right = self._is_proved(name, digest) or (self._guesses.may_try(name, address) and entry.accepts(password))
            right = right and name in self._users
            self._guesses.was(name, address, right=right)
        if right:
            self._proved[name] = digest
        return name if right else None

    def _digest(self, password: str) -> bytes:
        return hmac.new(self._pepper, password.encode(errors="replace"), hashlib.sha256).digest()

    def _is_proved(self, name: str, digest: bytes) -> bool:
        return hmac.compare_digest(self._proved.get(name, b""), digest)

    def identity(self, user: str, method: str) -> Identity | None:
        """The identity of a known user."""
        entry = self._users.get(user)
        return Identity(user, entry.uid_name, method) if entry else None

    def _token(self, value: str) -> Identity | None:
        known = self._user_of_token(value)
        if known is None or known[0] not in self._users:
            return None
        if known[1] == "OAUTH":  # this server's own tokens are useless elsewhere
            self._shown[known[0]] = value
        return self.identity(*known)

    def _user_of_token(self, value: str) -> tuple[str, str] | None:
        """User and method."""
        user = self._oidc.user_of(value) if self._oidc else None
        if user is not None:
            return user, "OAUTH"
        try:
            claims = jwt.decode(value, self._secret, algorithms=[_ALGORITHM], issuer=self._issuer, options=_CLAIMS)
        except jwt.InvalidTokenError:
            return None
        return str(claims["sub"]), "ETD"


def token_secret(path: Path) -> bytes:
    """The key that signs tokens: created once and kept, so that tokens survive a restart."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:  # noqa: PTH123 - mode from the start
            stream.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    return path.read_bytes()


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, n=2**14, r=8, p=1)


def name_and_password(value: str) -> tuple[str, str] | None:
    """Name and password of `Authorization: Basic VALUE`; None if they cannot be decoded."""
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return name, password
