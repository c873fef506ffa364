"""The site's OCI registry: docker-registry's configuration as text, and the account that may write to it."""

import secrets

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.identity.users import UserEntry
from esd_localsite.login.config import LoginConfig
from esd_localsite.login.tokens import ISSUER, SERVICE
from esd_localsite.state.files import write
from esd_localsite.state.layout import Layout
from esd_localsite.state.plan import SitePlan

SERVER = "registry"
"""The name of its certificate."""
USER = "docker-registry"
"""The Unix account of registry and login, where there are accounts."""
WRITER = "pusher"
"""The only account. Clients without an account can pull."""


class Account(BaseModel):
    """The account as JSON, in the form of `$ESD_REGISTRY_LOGIN`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    username: str
    password: str


def registry_config(layout: Layout, plan: SitePlan) -> str:
    """The configuration file. The registry serves HTTPS on loopback only: the login side reaches it, the compute nodes do not."""
    return f"""\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {layout.registry}
  delete:
    enabled: true
http:
  addr: {plan.registry}
  tls:
    certificate: {layout.tls.certificate(SERVER)}
    key: {layout.tls.key(SERVER)}
auth:
  token:
    realm: https://127.0.0.1:{plan.ports.login}/token
    service: {SERVICE}
    issuer: {ISSUER}
    rootcertbundle: {layout.tls.ca}
"""


def keep_account(layout: Layout, owner: int | None) -> Account:
    """The account that may push, created on first use. Only `owner` (None: root) can read its file. Raises LocalSiteError."""
    path = layout.registry_login
    try:
        account = Account.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        account = Account(username=WRITER, password=secrets.token_urlsafe(24))
    except ValidationError:
        raise LocalSiteError(f"{path} is damaged: remove it, and the next start creates a new account for the registry") from None
    write(path, account.model_dump_json() + "\n", mode=0o600, owner=owner)
    return account


def login_config(layout: Layout, plan: SitePlan, account: Account) -> LoginConfig:
    """The token service's configuration, with the password as a hash."""
    if plan.ports.login is None:
        raise AssertionError("a plan that is made now has the port")
    files = {"certificate": str(layout.tls.certificate(SERVER)), "key": str(layout.tls.key(SERVER))}
    entry = UserEntry.of(account.password, account.username)
    return LoginConfig(port=plan.ports.login, user=account.username, entry=entry, account=USER if layout.needs_root else None, **files)
