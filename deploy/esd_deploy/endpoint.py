"""Where a site is reached, with what credentials: taken from its data file, or from a local site's status file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.errors import ToolError, UsageError
from esd_deploy.config import CredentialsSource, SiteConfig


@dataclass(frozen=True)
class Credentials:
    """A secret with its kind; without a user name it is a bearer token. Never printed."""

    secret: str = field(repr=False)
    username: str | None = None


@dataclass(frozen=True)
class Endpoint:
    """A site's addresses and what proves both sides' identity."""

    url: str
    registry: str
    ca_file: Path | None
    credentials: Credentials
    hint: str
    """What to try where it does not answer."""


class LocalStatus(BaseModel):
    """What is needed of a local site's `status.json`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    state: Literal["running", "stopped", "crashed"]
    unicore_url: str
    registry: str
    username: str
    password_file: Path
    ca_file: Path


def resolve(config: SiteConfig, *, token: str | None = None, environ: Mapping[str, str] | None = None) -> Endpoint:
    """The site's endpoint for this caller. A `token` given by hand goes before the configured source.

    Raises ToolError where the local site is not up, UsageError where the credentials are not there.
    """
    if config.status_file is not None:
        return _of_local_site(config.status_file)
    if config.url is None or config.registry is None or config.credentials is None:
        raise AssertionError("the site model lets no such configuration through")
    credentials = Credentials(token) if token else _read(config.credentials, os.environ if environ is None else environ, config.name)
    hint = f"is the site in maintenance? Its address is `url` in site-configs/{config.name}.yaml"
    return Endpoint(config.url, config.registry, config.ca_file, credentials, hint)


def _of_local_site(path: Path) -> Endpoint:
    hint = "start it with `esd-deploy local up`"
    try:
        status = LocalStatus.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ToolError(f"the local site is not up (no {path}); {hint}") from error
    except (OSError, ValidationError) as error:
        raise ToolError(f"{path}: not readable as a local site's status; look with `esd-deploy local status`, or {hint}") from error
    if status.state != "running":
        raise ToolError(f"the local site '{status.name}' is not up (it {_STATES[status.state]}); {hint}")
    credentials = Credentials(_secret_file(status.password_file), status.username)
    hint = f"is the local site '{status.name}' still up? See `esd-deploy local status`; {hint}"
    return Endpoint(status.unicore_url, status.registry, status.ca_file, credentials, hint)


_STATES = {"stopped": "is stopped", "crashed": "crashed"}


def _read(source: CredentialsSource, environ: Mapping[str, str], site: str) -> Credentials:
    if source.password_file is not None:
        return Credentials(_secret_file(source.password_file), source.username)
    variable = source.token_env or source.password_env or ""
    secret = environ.get(variable)
    if not secret:
        raise UsageError(f"site '{site}' takes its credentials from the environment variable {variable}, which is not set")
    return Credentials(secret, source.username)


def _secret_file(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read the password file {path}: {error.strerror}; it belongs to the user who started the site") from error
