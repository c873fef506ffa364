"""The description and status of a local site, in the form that others read: `esd-deploy local status --json`."""

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esd_localsite.state.layout import JOB_USER, NODES, Layout
from esd_localsite.state.options import Launcher, Server
from esd_localsite.state.plan import SitePlan


class State(StrEnum):
    """Whether the site is usable; the status's detail has the rest."""

    RUNNING = "running"
    STOPPED = "stopped"
    CRASHED = "crashed"


class Answer(BaseModel):
    """The answer of one part of a site, or why it did not answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ok: bool
    said: str


class SiteStatus(BaseModel):
    """One local site. Addresses are None until its first start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: State
    unicore_url: str | None
    registry: str | None
    """Host and port of the HTTPS registry, reachable from the login side only."""
    registry_login_file: Path | None = None
    """The account that may push, for `$ESD_REGISTRY_LOGIN`; readable by the user who started the site. Everyone may pull."""
    nmpi_url: str | None
    oidc_url: str | None = None
    server: Server = Server.OWN
    launcher: Launcher = Launcher.SLURMD
    username: str
    password_file: Path
    ca_file: Path
    nodes: tuple[str, ...]
    scratch: Path
    slurm_conf: Path | None
    owner: str | None
    """The checkout that started it."""
    detail: str
    answers: dict[str, Answer] = Field(default_factory=dict)
    """Part → its answer, asked just now; empty in the status file, and if the site does not run."""

    @property
    def silent(self) -> tuple[str, ...]:
        """The parts that did not answer as they should."""
        return tuple(part for part, answer in self.answers.items() if not answer.ok)

    @property
    def usable(self) -> bool:
        """Whether the site runs and all parts that were asked answered."""
        return self.state is State.RUNNING and not self.silent

    @property
    def recorded(self) -> str:
        """The content of the status file: what does not change while the site runs."""
        return self.model_dump_json(indent=2, exclude={"answers"}) + "\n"

    @classmethod
    def of(cls, layout: Layout, plan: SitePlan | None, state: State, detail: str) -> Self:
        """The status of the site that `layout` and `plan` describe."""
        return cls(
            name=layout.name,
            state=state,
            unicore_url=plan.unicore_url if plan else None,
            registry=plan.registry if plan else None,
            registry_login_file=layout.registry_login,
            nmpi_url=plan.nmpi_url if plan else None,
            oidc_url=plan.oidc_url if plan else None,
            server=plan.options.server if plan else Server.OWN,
            launcher=plan.options.launcher if plan else Launcher.SLURMD,
            username=JOB_USER,
            password_file=layout.password,
            ca_file=layout.tls.ca,
            nodes=NODES if layout.needs_root else (),
            scratch=layout.scratch,
            slurm_conf=layout.slurm_conf if layout.needs_root else None,
            owner=plan.owner if plan else None,
            detail=detail,
        )


def judge(layout: Layout, recorded: SiteStatus | None, *, alive: bool) -> SiteStatus:
    """The status now, from what was recorded last and whether the supervisor still holds its lock."""
    if recorded is None:
        detail = "starting" if alive else f"never started; `{command('up', layout.name)}` starts it"
        return SiteStatus.of(layout, None, State.STOPPED, detail)
    if recorded.state is State.RUNNING and not alive:
        detail = f"the supervisor was killed; read {layout.log('supervisor')}, and start again with `{command('up', layout.name)}`"
        return recorded.model_copy(update={"state": State.CRASHED, "detail": detail})
    if recorded.state is not State.RUNNING and alive:
        return recorded.model_copy(update={"state": State.STOPPED, "detail": "starting or stopping"})
    return recorded


def read_record(layout: Layout) -> SiteStatus | None:
    """What the supervisor recorded last; None if there is nothing, or nothing that this version understands."""
    try:
        return SiteStatus.model_validate_json(layout.status.read_text())
    except (OSError, ValidationError):
        return None


def command(verb: str, name: str) -> str:
    """The command that a user types for this site."""
    return f"esd-deploy local {verb}" if name == "local" else f"esd-deploy local {verb} --name {name}"
