"""The running endpoint: its parts, assembled once, and what every route needs from a request."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request

from esd_localsite.description.config import EndpointConfig
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import FaultBoard
from esd_localsite.files.processes import Account, Launcher, account_of
from esd_localsite.identity.oidc import Issuer, signing_key
from esd_localsite.identity.users import Gate, Identity, UsersFile, token_secret
from esd_localsite.jobs.batch import BatchSystem, LocalProcesses, Slurm
from esd_localsite.jobs.engine import Engine
from esd_localsite.jobs.faults import FaultyBatch
from esd_localsite.jobs.transfers import Transfers
from esd_localsite.records.records import ClientTransferRecord, JobRecord, SiteRecord, TransferRecord
from esd_localsite.records.shelf import Shelf
from esd_localsite.unicore.answers import Urls
from esd_localsite.unicore.tunnels import Tunnels


@dataclass(frozen=True)
class Endpoint:
    """All live parts of one endpoint."""

    config: EndpointConfig
    gate: Gate
    issuer: Issuer
    engine: Engine
    transfers: Transfers
    client_transfers: Shelf[ClientTransferRecord]
    sites: Shelf[SiteRecord]
    up_since: datetime
    faults: FaultBoard
    tunnels: Tunnels = field(default_factory=Tunnels)

    @property
    def urls(self) -> Urls:
        return Urls(self.config.site_url)

    @classmethod
    def build(cls, config: EndpointConfig) -> "Endpoint":
        """Prepare folders, users and jobs; nothing runs yet. Raises LocalSiteError."""
        _make_folder(config.state_dir, 0o700)
        # Separate users make their folders there; nobody can guess their names.
        _make_folder(config.uspace_dir, 0o1733 if config.separate_users else 0o755)
        users = UsersFile.read(config.users_file)
        if config.separate_users:
            _require_accounts(users)
        launcher = Launcher()
        times = config.times
        issuer = Issuer(config.oidc_url, signing_key(config.state_dir / "oidc.pem"), times.oidc_access_seconds, times.oidc_refresh_seconds)
        gate = Gate(
            users,
            token_secret(config.state_dir / "token.key"),
            issuer=config.site_url,
            session_seconds=times.session_seconds,
            oidc=issuer,
        )
        faults = FaultBoard(config.faults_file or config.state_dir / "faults.json")
        batch = FaultyBatch(_batch(config, launcher), faults)
        engine = Engine(config, launcher, batch, faults, token_of=gate.token_of)
        transfers = Transfers(Shelf(config.state_dir / "transfers", TransferRecord), engine)
        own = Shelf(config.state_dir / "client-transfers", ClientTransferRecord)
        sites = Shelf(config.state_dir / "sites", SiteRecord)
        return cls(config, gate, issuer, engine, transfers, own, sites, datetime.now(UTC), faults)


def endpoint_of(request: Request) -> Endpoint:
    """The endpoint that a request came to."""
    endpoint: Endpoint = request.app.state.endpoint
    return endpoint


def identity_of(request: Request) -> Identity:
    """The caller. Raises HTTPException 403 for an anonymous client."""
    identity: Identity | None = request.scope["identity"]
    if identity is None:
        raise HTTPException(403, "Access denied: log in first")
    return identity


def owner_of(request: Request) -> str | None:
    """Whose things a list shows; None, nobody's, for an anonymous client."""
    identity: Identity | None = request.scope["identity"]
    return identity.name if identity else None


def account_of_caller(request: Request) -> Account:
    """The Unix account of the caller, in the chosen group.

    Raises HTTPException 403, also for an account or group that is not theirs.
    """
    identity, wanted = identity_of(request), preferences(request)
    account, group = account_of(endpoint_of(request).config.account_name(identity.uid_name)), wanted.get("group")
    if wanted.get("uid", identity.uid_name) != identity.uid_name:
        raise HTTPException(403, f"Access denied: you have no account '{wanted['uid']}'")
    try:
        return account.in_group(group) if group else account
    except KeyError:
        raise HTTPException(403, f"Access denied: you are not in the group '{group}'") from None


def preferences(request: Request) -> dict[str, str]:
    """What `X-UNICORE-User-Preferences` chooses: uid, group, role."""
    header = request.headers.get("x-unicore-user-preferences", "")
    pairs = (part.strip().partition(":")[::2] for part in header.split(","))
    return {name: value for name, value in pairs if value}


def job_of(request: Request, job_id: str) -> JobRecord:
    """The caller's job. Raises HTTPException 404 if it does not exist, 403 if it belongs to another user."""
    identity = identity_of(request)
    record = endpoint_of(request).engine.store.get(job_id)
    if record is None:
        raise HTTPException(404, f"No such job: {job_id}")
    if record.owner != identity.name:
        raise HTTPException(403, f"Access denied: job {job_id} is not yours")
    return record


def _batch(config: EndpointConfig, launcher: Launcher) -> BatchSystem:
    if config.profile == "slurm":
        return Slurm(account_of(None), config.batch_environment, config.times.command_seconds)
    return LocalProcesses(launcher, config.batch_environment, config.times.kill_seconds)


def _require_accounts(users: UsersFile) -> None:
    if os.geteuid() != 0:
        raise LocalSiteError("only root can separate users: start the endpoint as root, or set separate_users to false")
    for entry in users.root.values():
        account_of(entry.uid_name)


def _make_folder(folder: Path, mode: int) -> None:
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, mode=0o700)
        folder.chmod(mode)
    except OSError as error:
        raise LocalSiteError(f"the UNICORE endpoint cannot make {folder}: {error.strerror}") from error
