"""Accounts of registries: where they are looked for, and what they are. None is ever taken from a command line or printed."""

import base64
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from oras.auth.base import AuthBackend
from oras.container import Container
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from esd_build.data.errors import UsageError

LOGIN_FILE = "ESD_REGISTRY_LOGIN"
"""Names the file with an account; `Credentials.find` says in which form."""


@dataclass(frozen=True)
class Credentials:
    """A registry account; never printed."""

    username: str
    password: str
    source: str = "the caller"

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, …)"

    @classmethod
    def read(cls, file: Path) -> "Credentials":
        """The account in a file, in one of the forms that `find` names. Raises UsageError."""
        return _from_file(file)

    @classmethod
    def find(cls, host: str, environment: Mapping[str, str] = os.environ, *, named: bool = False) -> "Credentials | None":
        """The account for a registry, None for an anonymous one.

        Looked for in this order: first the file that $ESD_REGISTRY_LOGIN names, readable by its owner only: a robot account as Harbor
        exports it, or an object with `username` and `password`. Then $ESD_REGISTRY_USER with $ESD_REGISTRY_PASSWORD. Then what `docker
        login` or `oras login` stored. The first two are for one registry, and go to no other: to the one that $ESD_REGISTRY names, or
        that the user has `named` just now.
        """
        if named or environment.get("ESD_REGISTRY", "").partition("/")[0] == host:
            file = environment.get(LOGIN_FILE)
            if file:
                return _from_file(Path(file).expanduser())
            username, password = environment.get("ESD_REGISTRY_USER"), environment.get("ESD_REGISTRY_PASSWORD")
            if username and password:
                return cls(username, password, "$ESD_REGISTRY_USER")
        return _from_docker(host)


class _LoginFile(BaseModel):
    """An account in a file. `name`, `secret`, `expires_at` (seconds since 1970, -1 for never) are Harbor's words for a robot account."""

    model_config = ConfigDict(extra="ignore")

    username: str = Field(min_length=1, validation_alias=AliasChoices("username", "name"))
    password: str = Field(min_length=1, validation_alias=AliasChoices("password", "secret"))
    expires_at: int = -1


def _from_file(path: Path) -> Credentials:
    try:
        status = path.stat()
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} (${LOGIN_FILE}): {error.strerror}; it should hold the registry account") from error
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise UsageError(f"{path} holds a password that others can read; `chmod 600 {path}`")
    try:
        login = _LoginFile.model_validate_json(text)
    except ValidationError:
        # The violation would quote the password.
        raise UsageError(
            f'{path} (${LOGIN_FILE}) is not an account; expected Harbor\'s robot account file, or {{"username": …, "password": …}}'
        ) from None
    if 0 <= login.expires_at < datetime.now(UTC).timestamp():
        day = datetime.fromtimestamp(login.expires_at, UTC).date()
        raise UsageError(f"{path}: account '{login.username}' expired on {day}; renew it in the registry and replace the file")
    return Credentials(login.username, login.password, str(path))


def _from_docker(host: str) -> Credentials | None:
    backend = AuthBackend()
    try:
        chosen = os.environ.get("DOCKER_CONFIG")
        if chosen:  # Docker's own variable, which oras does not know: the folder in the place of ~/.docker
            backend._auth_config = _docker_config(Path(chosen) / "config.json")  # noqa: SLF001 - it takes further files, and always its own
        backend.load_configs(Container(f"{host}/any"))
        encoded = getattr(backend, "_basic_auth", None)
        username, _, password = base64.b64decode(encoded or "").decode().partition(":")
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise UsageError(f"Docker's configuration ($DOCKER_CONFIG, else ~/.docker/config.json) cannot be read: {_why(error)}") from error
    return Credentials(username, password, "Docker's configuration") if encoded else None


def _docker_config(path: Path) -> dict[str, object]:
    """As oras reads one; nothing if there is no such file."""
    found = json.loads(path.read_bytes()) if path.is_file() else {}
    return {"auths": found.get("auths") or {}, "credsStore": found.get("credsStore"), "credHelpers": found.get("credHelpers") or {}}


def _why(error: Exception) -> str:
    """Without what the file says: passwords are in it."""
    if isinstance(error, OSError):
        return str(error.strerror or "the system failed")
    return (
        "it is not JSON" if isinstance(error, json.JSONDecodeError) else "it does not have Docker's form; log in again, or correct `auths`"
    )
