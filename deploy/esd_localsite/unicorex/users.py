"""The server's list of users, for its file-based authenticator."""

import hashlib
import secrets
from collections.abc import Callable, Mapping

from esd_localsite.unicorex.configuration import dn


def _salt() -> str:
    return secrets.token_hex(16)


def password_lines(passwords: Mapping[str, str], salt: Callable[[], str] = _salt) -> str:
    """`user:md5(salt + password):salt:DN`, one line each: the only form that the server reads. Only its account may read the file."""
    return "".join(_line(user, password, salt()) for user, password in passwords.items())


def _line(user: str, password: str, salt: str) -> str:
    digest = hashlib.md5(f"{salt}{password}".encode(), usedforsecurity=False).hexdigest()
    return f"{user}:{digest}:{salt}:{dn(user)}\n"
