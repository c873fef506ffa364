"""A service that runs: where it is, how to reach it, how to end it. What it says of itself is checked before anything is done with it."""

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from tenacity import nap

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.whole import write_whole
from esd_build.net.answers import printable
from esd_deploy.plans import paths
from esd_deploy.records.record import RunRecord
from esd_deploy.runs.patience import Sleep
from esd_deploy.runs.run import Run
from esd_deploy.services import nest_server
from esd_deploy.services.nest_client import NestClient, ServiceError

ADDRESS = "esd/service/address.json"
TOKEN = "esd/service/token"  # noqa: S105 - the name of its file
STOP = "esd/service/stop"
_MOST = 4096
_TOKEN_FORM = re.compile(rb"[A-Za-z0-9_-]{16,200}")
_REACH_S = 3


class NotServingError(EsdError):
    """The service's job ended, or it does not serve (exit code 1)."""


def _inner(text: str) -> str:
    """An address of a node. Raises ValueError for a name, and for one that leads back to this machine."""
    address = ipaddress.ip_address(text)
    if address.is_unspecified or address.is_multicast or address.is_loopback or address.is_link_local:
        raise ValueError("not the address of a node")
    return text


class Address(BaseModel):
    """What the launcher notes in `address.json`. `ends_at` in seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: Annotated[str, AfterValidator(_inner)]
    port: Annotated[int, Field(ge=1, le=65535)]
    ranks: Annotated[int, Field(ge=1)]
    nest: Annotated[str, StringConstraints(max_length=100)]
    ends_at: Annotated[float, Field(ge=0, le=32503680000)] | None = None

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """Raises ToolError."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            told = error.errors(include_url=False, include_input=False)[0]
            raise ToolError(f"{where}: not the address of a service ({printable(told['msg'], 200)})") from error

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def ends(self) -> datetime | None:
        return None if self.ends_at is None else datetime.fromtimestamp(self.ends_at, UTC)


def ready(run: Run, *, sleep: Sleep = nap.sleep, seen: Callable[[str], None] = lambda _status: None) -> Address:
    """Wait until the service serves; note address and token in the run's folder, the token with mode 0600.

    Raises NotServingError if the job ends before that.
    """
    while True:
        record = run.refresh()
        seen(record.status)
        if record.ended:
            run.finish()
            raise NotServingError(f"the service ended before it served: {_words(run)}")
        content = run.peek(ADDRESS, _MOST) if record.status == "RUNNING" else None
        if content is not None:
            return _noted(run, content)
        sleep(run.poll_s)


def _words(run: Run) -> str:
    """The launcher's last words, else how the job ended."""
    said = [line for line in run.stderr.splitlines() if line.startswith("nest-server: ")]
    ending = run.record.ending
    how = f"{ending.kind} ({ending.because})" if ending else run.record.message
    return printable(said[-1].removeprefix("nest-server: ") if said else how, 1000) + f"; `esd-deploy logs --stderr {run.id}` says more"


def _noted(run: Run, content: bytes) -> Address:
    address = Address.parse(content, f"run {run.id}: {ADDRESS}")
    token = run.peek(TOKEN, _MOST)
    if token is None or not _TOKEN_FORM.fullmatch(token.strip()):
        raise ToolError(f"run {run.id}: {TOKEN} at the site holds no token; `esd-deploy cancel {run.id}` ends the job")
    write_whole(paths.inside(run.folder, TOKEN), token.strip().decode("ascii"), mode=0o600)
    write_whole(paths.inside(run.folder, ADDRESS), content.decode())
    return address


def address_of(folder: Path) -> Address:
    """Where a service is that was ready before. Raises UsageError for a run that never was."""
    try:
        return Address.parse(paths.read(folder, ADDRESS, _MOST), str(folder / ADDRESS))
    except OSError as error:
        raise UsageError(
            f"{folder}: this run does not serve, as far as this machine knows; `esd-deploy services --refresh` asks"
        ) from error


def token_of(folder: Path) -> str:
    """The service's token. Raises UsageError where there is none."""
    try:
        return paths.read(folder, TOKEN, _MOST).decode("ascii")
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{folder / TOKEN} is not readable: {error}") from error


def client_of(folder: Path, *, at: tuple[str, int] | None = None, timeout_s: float = 600) -> NestClient:
    """A client for the service of a run, by the run's folder. Raises UsageError for a run that does not serve.

    `at`: host and port where the service is reached if not at its own address: those of a tunnel.
    """
    address = address_of(folder)
    host, port = at or (address.host, address.port)
    return NestClient(host, port, token_of(folder), timeout_s=timeout_s)


def reachable(folder: Path) -> bool:
    """Whether this machine reaches the service itself; else only nodes and login nodes of the site do."""
    try:
        with client_of(folder, timeout_s=_REACH_S) as client:
            return "nest" in client.about()
    except (OSError, ServiceError):
        return False


def forget(folder: Path) -> None:
    """Remove the token of a service that has ended."""
    paths.inside(folder, TOKEN).unlink(missing_ok=True)


def require_service(known: RunRecord) -> None:
    """Before a site is asked: nothing in an ordinary run's job looks for the file that stops a service. Raises UsageError."""
    if nest_server.TAG not in known.tags:
        what = f"`esd-deploy fetch {known.id}` fetches its results" if known.ended else f"`esd-deploy cancel {known.id}` ends it"
        raise UsageError(f"run {known.id} is no service, so `stop` does nothing; {what}")


def stopped(run: Run, *, patience_s: float = 180, sleep: Sleep = nap.sleep) -> RunRecord:
    """End a service in order: it saves its recorders' events; then the results are fetched.

    Raises UsageError for a run that is no service, NotServingError if the job does not run, or goes on after `patience_s` seconds.
    """
    require_service(run.record)
    record = run.refresh()
    if not record.ended:
        if record.status != "RUNNING":
            raise NotServingError(f"run {run.id} does not serve ({record.status}); `esd-deploy cancel {run.id}` ends it")
        run.put(STOP, b"")
    waited = 0.0
    while not run.record.ended:
        if waited >= patience_s:
            raise NotServingError(
                f"run {run.id} goes on after {patience_s:.0f} s (a long call?); `esd-deploy cancel {run.id}` ends it at once"
            )
        waited += run.poll_s
        sleep(run.poll_s)
        run.refresh()
    forget(run.folder)
    return run.finish()
