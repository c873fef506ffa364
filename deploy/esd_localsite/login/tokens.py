"""Tokens for the site's registry, as the distribution project's token authentication wants them. Pure."""

import base64
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

ISSUER = "esd-localsite"
SERVICE = "esd-localsite-registry"
LIFE_S = 300
_READ = frozenset({"pull"})
_WRITE = frozenset({"pull", "push", "delete"})
_LONGEST_SCOPE = 500

Access = dict[str, object]


@dataclass(frozen=True)
class Signer:
    """Signs with the registry's own key; its certificate comes along, and the registry knows the authority that signed that."""

    certificate: bytes
    key: bytes

    def token(self, user: str, access: Iterable[Access], clock: Callable[[], float] = time.time) -> str:
        """A token of five minutes for what `access` names."""
        now = int(clock())
        shown = base64.b64encode(x509.load_pem_x509_certificate(self.certificate).public_bytes(Encoding.DER)).decode()
        claims = {
            "iss": ISSUER, "sub": user, "aud": SERVICE, "iat": now, "nbf": now - 10, "exp": now + LIFE_S, "jti": str(uuid.uuid4()),
            "access": list(access),
        }  # fmt: skip
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"x5c": [shown]})


def granted(scopes: Iterable[str], *, may_write: bool) -> tuple[Access, ...]:
    """What of the wanted scopes (`repository:esd/nest:pull,push`) is given; a part that is not given is left out, as registries do."""
    return tuple(access for scope in scopes for word in scope.split() if (access := _granted(word, may_write=may_write)) is not None)


def _granted(word: str, *, may_write: bool) -> Access | None:
    kind, _, rest = word[:_LONGEST_SCOPE].partition(":")
    name, _, wanted = rest.rpartition(":")
    allowed = _WRITE if may_write else _READ
    if kind == "registry" and name == "catalog":
        return {"type": kind, "name": name, "actions": ["*"]}  # the list of names, which whoever may read them may have
    if kind != "repository" or not name:
        return None
    asked = allowed if wanted == "*" else allowed & set(wanted.split(","))
    return {"type": kind, "name": name, "actions": sorted(asked)}
