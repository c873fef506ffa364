"""Tokens for the site's registry, in the form of the distribution project's token authentication. Pure."""

import base64
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypedDict

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

ISSUER = "esd-localsite"
SERVICE = "esd-localsite-registry"
LIFE_S = 300
_READ = frozenset({"pull"})
_WRITE = frozenset({"pull", "push", "delete"})
_LONGEST_SCOPE = 500


class Access(TypedDict):
    """One right, as a token has it."""

    type: str
    name: str
    actions: list[str]


@dataclass(frozen=True)
class Signer:
    """Signs with the registry's own key and includes its certificate. The registry knows the authority that signed the certificate."""

    certificate: bytes
    key: bytes

    def token(self, user: str, access: Iterable[Access], clock: Callable[[], float] = time.time) -> str:
        """A token for `access`, valid for five minutes."""
        now = int(clock())
        shown = base64.b64encode(x509.load_pem_x509_certificate(self.certificate).public_bytes(Encoding.DER)).decode()
        claims = {
            "iss": ISSUER, "sub": user, "aud": SERVICE, "iat": now, "nbf": now - 10, "exp": now + LIFE_S, "jti": str(uuid.uuid4()),
            "access": list(access),
        }  # fmt: skip
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"x5c": [shown]})


def granted(scopes: Iterable[str], *, may_write: bool) -> tuple[Access, ...]:
    """The granted part of the requested scopes (`repository:esd/nest:pull,push`). As in other registries, the rest is left out."""
    return tuple(access for scope in scopes for word in scope.split() if (access := _granted(word, may_write=may_write)) is not None)


def _granted(word: str, *, may_write: bool) -> Access | None:
    kind, _, rest = word[:_LONGEST_SCOPE].partition(":")
    name, _, wanted = rest.rpartition(":")
    allowed = _WRITE if may_write else _READ
    if kind == "registry" and name == "catalog":
        return {"type": kind, "name": name, "actions": ["*"]}  # the list of repositories, for everyone who can pull
    if kind != "repository" or not name:
        return None
    asked = allowed if wanted == "*" else allowed & set(wanted.split(","))
    return {"type": kind, "name": name, "actions": sorted(asked)}
