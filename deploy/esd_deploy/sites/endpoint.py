"""A site's addresses and the user's credentials there, from its data file or from a local site's status file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.sites import local_token
from esd_deploy.sites.config import SiteConfig
from esd_deploy.sites.familiar import require_own
from esd_deploy.sites.introduction import introduce
from esd_deploy.sites.source import CredentialsSource
from esd_deploy.sites.tokens import Tokens, one_line, secret_file, tokens

_LONGEST = 1024**2


@dataclass(frozen=True)
class Credentials:
    """A user's password, or bearer tokens. Never printed."""

    secret: str = field(repr=False)
    username: str | None = None
    tokens: Tokens | None = field(default=None, repr=False, compare=False)

    def bearer(self) -> str:
        """A token that is valid now. Raises UsageError if there is none."""
        return self.tokens.bearer() if self.tokens else self.secret

    def renew(self) -> bool:
        """Get another token after a refusal; True if there is one to try."""
        return self.tokens.renew() if self.tokens else False


@dataclass(frozen=True)
class Endpoint:
    """A site's addresses, with what proves the identity of both sides."""

    url: str
    registry: str
    ca_file: Path | None
    credentials: Credentials
    hint: str
    """What the user can do if the site does not answer."""
    site_name: str | None = None
    """If set, `url` is that of a UNICORE registry, which gives the site's own URL under this name."""
    registry_ca_file: Path | None = None
    """The certificate authority of the OCI registry, if it differs from the server's."""
    registry_login_file: Path | None = None
    """File of the account that may write to a local site's OCI registry."""

    @property
    def server(self) -> str:
        """Which server this is, as text to compare."""
        return " ".join(filter(None, (self.url, self.site_name)))

    def authority_of(self, registry: str) -> Path | None:
        """The authority that checks an OCI registry's certificate; None (the machine's authorities) for another site's registry."""
        return (self.registry_ca_file or self.ca_file) if registry == self.registry else None

    def login_of(self, registry: str) -> Path | None:
        """File of the account that may write to an OCI registry; None unless it is a local site's and this user can read the file."""
        own = self.registry_login_file
        return own if own is not None and registry == self.registry and os.access(own, os.R_OK) else None


class LocalStatus(BaseModel):
    """The part of a local site's `status.json` that a client needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    state: Literal["running", "stopped", "crashed"]
    unicore_url: str
    registry: str
    nmpi_url: str | None = None
    oidc_url: str | None = None
    username: str
    password_file: Path
    ca_file: Path
    registry_login_file: Path | None = None


def resolve(config: SiteConfig, *, token: str | None = None, environ: Mapping[str, str] | None = None) -> Endpoint:
    """The site's endpoint for this user. A `token` given by hand replaces the configured source.

    Raises ToolError if the local site is not up, UsageError if the credentials are missing.
    """
    introduce(config)
    if config.status_file is not None:
        return _of_local_site(config.status_file, queue=config.kind == "nmpi")
    if config.credentials is None:
        raise AssertionError("the site model refuses a configuration without credentials")
    credentials = _read(config, config.credentials, os.environ if environ is None else environ, token)
    hint = f"check whether the site is in maintenance; `esd-deploy site {config.file or config.name}` shows its address and where it is set"
    url = config.url or config.unicore_registry or config.queue_url or ""
    return Endpoint(url, config.registry or "", config.ca_file, credentials, hint, config.unicore_site, config.registry_ca_file)


def _of_local_site(path: Path, *, queue: bool) -> Endpoint:
    hint = "start it with `esd-deploy local up`"
    try:
        with path.open("rb") as file:
            require_own(path, "the status file of a local site")
            status = LocalStatus.model_validate_json(file.read(_LONGEST))
    except FileNotFoundError as error:
        raise ToolError(f"the local site is not up (no {path}); {hint}") from error
    except (OSError, ValidationError) as error:
        raise ToolError(f"{path} is not a valid status file of a local site; check with `esd-deploy local status`, or {hint}") from error
    if status.state != "running":
        raise ToolError(f"the local site '{status.name}' is not up (it {_STATES[status.state]}); {hint}")
    credentials = Credentials(_password(status.password_file), status.username)
    hint = f"check with `esd-deploy local status` whether the local site '{status.name}' is up; {hint}"
    if queue and not status.nmpi_url:
        raise ToolError(f"the local site '{status.name}' has no neuromorphic queue; {hint}")
    if queue and status.oidc_url:
        issued = local_token.tokens(status.oidc_url, status.username, credentials.secret, status.ca_file)
        credentials = Credentials(credentials.secret, status.username, issued)
    url = str(status.nmpi_url) if queue else status.unicore_url
    return Endpoint(url, status.registry, status.ca_file, credentials, hint, registry_login_file=status.registry_login_file)


_STATES = {"stopped": "is stopped", "crashed": "crashed"}


def _read(config: SiteConfig, source: CredentialsSource, environ: Mapping[str, str], token: str | None) -> Credentials:
    site = config.name
    if source.has_token or token:
        found = tokens(source, site, given=token, environ=environ, ca_file=config.ca_file)
        try:
            return Credentials(found.bearer(), tokens=found)
        except UsageError as error:
            raise UsageError(f"site '{site}': {error}") from error
    if source.password_file is not None:
        return Credentials(secret_file(source.password_file.expanduser()) or "", source.username)
    variable = source.password_env or ""
    secret = one_line(environ.get(variable), f"${variable}")
    if not secret:
        raise UsageError(f"site '{site}' needs the environment variable {variable} (its credentials), which is not set")
    return Credentials(secret, source.username)


def _password(path: Path) -> str:
    try:
        return secret_file(path) or ""
    except UsageError as error:
        raise UsageError(f"{error} (it holds a local site's password, and belongs to the user who started the site)") from error
