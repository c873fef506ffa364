"""The site's own OpenID Connect issuer, for tests: real tokens that really expire, signed with a key that clients can fetch.

Follows RFC 6749 (password, refresh_token, authorization_code), RFC 8628 (device code) and OpenID Connect Discovery, as far as clients
of EBRAINS' identity provider go. It accepts any client id and ignores client secrets, because it exists to test the user's side.
"""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

_ALGORITHM = "RS256"
_KEY_BITS = 2048
_DEVICE_SECONDS = 600
_POLL_SECONDS = 1
_CODE_SECONDS = 60
_MOST_GRANTS = 1000


class GrantError(Exception):
    """A token request is refused; the message is OAuth's error code."""


@dataclass
class Grant:
    """A device or authorization code: who approved it, and until when it is valid."""

    expires: float
    user: str | None = None
    user_code: str = ""


@dataclass(frozen=True)
class Tokens:
    """The answer to a token request."""

    access: str
    refresh: str
    lifetime: int


@dataclass
class Issuer:
    """Issues and checks tokens. Codes are kept in memory only: like a login in progress, they end with the endpoint."""

    url: str
    key: rsa.RSAPrivateKey
    access_seconds: int
    refresh_seconds: int
    clock: Callable[[], float] = time.time
    _grants: dict[str, Grant] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tokens(self, user: str) -> Tokens:
        """New tokens for an authenticated user."""
        access = self._sign(user, "Bearer", self.access_seconds)
        return Tokens(access, self._sign(user, "Refresh", self.refresh_seconds), self.access_seconds)

    def refreshed(self, token: str) -> Tokens:
        """New tokens for a refresh token. Raises GrantError."""
        user = self.user_of(token, kind="Refresh")
        if user is None:
            raise GrantError("invalid_grant")
        return self.tokens(user)

    def user_of(self, token: str, kind: str = "Bearer") -> str | None:
        """The user of a token; None if this issuer did not issue it or it has expired."""
        try:
            options: Options = {"require": ["exp", "iat", "sub"], "verify_aud": False, "verify_exp": False, "verify_iat": False}
            claims = jwt.decode(token, self.key.public_key(), algorithms=[_ALGORITHM], issuer=self.url, options=options)
        except jwt.InvalidTokenError:
            return None
        return str(claims["preferred_username"]) if claims["typ"] == kind and claims["exp"] > self.clock() else None

    def new_device(self) -> tuple[str, str]:
        """A device code, and the short code that the user types."""
        user_code = "-".join("".join(secrets.choice("BCDFGHJKLMNPQRSTVWXZ") for _ in range(4)) for _ in range(2))
        return self._new_grant(_DEVICE_SECONDS, user_code=user_code), user_code

    def new_code(self, user: str) -> str:
        """An authorization code for a user who has logged in."""
        return self._new_grant(_CODE_SECONDS, user=user)

    def approve(self, user_code: str, user: str) -> bool:
        """Approve the device that shows `user_code`; False if there is none."""
        with self._lock:
            for grant in self._grants.values():
                if user_code and grant.user_code == user_code and grant.expires > self.clock():
                    grant.user = user
                    return True
        return False

    def redeem(self, code: str) -> Tokens:
        """Tokens for a device or authorization code, once. Raises GrantError."""
        with self._lock:
            grant = self._grants.get(code)
            if grant is None:
                raise GrantError("invalid_grant")
            if grant.expires <= self.clock():
                raise GrantError("expired_token")
            if grant.user is None:
                raise GrantError("authorization_pending")
            del self._grants[code]
        return self.tokens(grant.user)

    def discovery(self) -> dict[str, object]:
        """`.well-known/openid-configuration`."""
        ends = {"token_endpoint": "token", "userinfo_endpoint": "userinfo", "jwks_uri": "certs", "authorization_endpoint": "auth"}
        return {
            "issuer": self.url,
            **{name: f"{self.url}/{path}" for name, path in ends.items()},
            "device_authorization_endpoint": f"{self.url}/device",
            "grant_types_supported": ["password", "refresh_token", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
        }

    def key_set(self) -> dict[str, object]:
        """The JSON Web Key Set that verifies the tokens."""
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self._key_id, "use": "sig", "alg": _ALGORITHM}]}

    def device_document(self) -> dict[str, object]:
        """The answer to a device that asks to log in."""
        device_code, user_code = self.new_device()
        page = f"{self.url}/verify"
        return {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": _DEVICE_SECONDS,
            "interval": _POLL_SECONDS,
        }

    @property
    def _key_id(self) -> str:
        return f"{self.key.public_key().public_numbers().n % 2**64:016x}"

    def _sign(self, user: str, kind: str, lifetime: int) -> str:
        now = int(self.clock())
        claims = {"iss": self.url, "sub": user, "preferred_username": user, "typ": kind, "iat": now, "exp": now + lifetime}
        claims["jti"] = secrets.token_hex(8)
        return jwt.encode(claims, self.key, algorithm=_ALGORITHM, headers={"kid": self._key_id})

    def _new_grant(self, lifetime: float, **known: str) -> str:
        code, now = secrets.token_urlsafe(24), self.clock()
        with self._lock:
            for old in [name for name, grant in self._grants.items() if grant.expires <= now][:_MOST_GRANTS]:
                del self._grants[old]
            if len(self._grants) >= _MOST_GRANTS:
                raise GrantError("slow_down")
            self._grants[code] = Grant(now + lifetime, **known)
        return code


def signing_key(path: Path) -> rsa.RSAPrivateKey:
    """The issuer's key: created once and kept, so that tokens survive a restart."""
    try:
        loaded = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        loaded = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:  # noqa: PTH123 - mode from the start
            stream.write(loaded.private_bytes(*form))
    if not isinstance(loaded, rsa.RSAPrivateKey):
        raise TypeError(f"{path} does not hold an RSA key")
    return loaded
