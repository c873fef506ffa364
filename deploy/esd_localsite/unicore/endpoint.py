"""The running endpoint: its parts, put together once, and what every route needs of a request."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request

from esd_localsite.errors import LocalSiteError
from esd_localsite.unicore.answers import Urls
from esd_localsite.unicore.batch import BatchSystem, LocalProcesses, Slurm
from esd_localsite.unicore.config import EndpointConfig
from esd_localsite.unicore.engine import Engine
from esd_localsite.unicore.processes import Account, Launcher
from esd_localsite.unicore.records import JobRecord
from esd_localsite.unicore.users import Gate, Identity, UsersFile, token_secret


@dataclass(frozen=True)
class Endpoint:
    """All live parts of one endpoint."""

    config: EndpointConfig
    account: Account
    gate: Gate
    engine: Engine
    up_since: datetime

    @property
    def urls(self) -> Urls:
        return Urls(self.config.site_url)

    @classmethod
    def build(cls, config: EndpointConfig) -> "Endpoint":
        """Prepare folders, users and jobs; nothing runs yet. Raises LocalSiteError."""
        account = Account.of(config.run_as)
        _make_folder(config.state_dir, 0o700)
        _make_folder(config.uspace_dir, 0o755, account)
        launcher = Launcher(account)
        gate = Gate(
            UsersFile.read(config.users_file),
            token_secret(config.state_dir / "token.key"),
            issuer=config.site_url,
            session_seconds=config.times.session_seconds,
        )
        return cls(config, account, gate, Engine(config, account, launcher, _batch(config, account, launcher)), datetime.now(UTC))


def endpoint_of(request: Request) -> Endpoint:
    """The endpoint that a request came to."""
    endpoint: Endpoint = request.app.state.endpoint
    return endpoint


def identity_of(request: Request) -> Identity:
    """Who is asking. Raises HTTPException 403 for the anonymous."""
    identity: Identity | None = request.scope["identity"]
    if identity is None:
        raise HTTPException(403, "Access denied: log in first")
    return identity


def job_of(request: Request, job_id: str) -> JobRecord:
    """The caller's job. Raises HTTPException 404 where there is none, 403 where it is another's."""
    identity = identity_of(request)
    record = endpoint_of(request).engine.store.get(job_id)
    if record is None:
        raise HTTPException(404, f"No such job: {job_id}")
    if record.owner != identity.name:
        raise HTTPException(403, f"Access denied: job {job_id} is not yours")
    return record


def _batch(config: EndpointConfig, account: Account, launcher: Launcher) -> BatchSystem:
    if config.profile == "slurm":
        return Slurm(account, config.batch_environment, config.times.command_seconds)
    return LocalProcesses(launcher, config.batch_environment, config.times.kill_seconds)


def _make_folder(folder: Path, mode: int, account: Account | None = None) -> None:
    """Make a folder, the account's own if it was not there."""
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, mode=mode)
        if account and account.changes:
            os.chown(folder, account.uid, account.gid)
    except OSError as error:
        raise LocalSiteError(f"the UNICORE endpoint cannot make {folder}: {error.strerror}") from error
