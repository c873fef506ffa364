"""The options of one site: chosen at `up` and kept, so that a later `up` without options starts the same site."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.layout import NODES, SERVER_USER

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
_DAY_MIN = 24 * 60


class Profile(StrEnum):
    """How much of a site there is."""

    SLURM = "slurm"
    """Slurm with two nodes; needs root or sudo."""
    NOBATCH = "nobatch"
    """Batch scripts run as processes of the caller, without nodes and without a separate network; needs no root."""


class Server(StrEnum):
    """Which UNICORE server stands in front of the site."""

    OWN = "own"
    """The endpoint of this project: starts in seconds, needs no Java."""
    UNICOREX = "unicorex"
    """The real UNICORE/X, with UNICORE's own TSI."""


class Launcher(StrEnum):
    """Which daemon starts the ranks on the nodes."""

    SLURMD = "slurmd"
    """Slurm's own, with Slurm's PMIx plugin."""
    PARASTATION = "parastation"
    """ParaStation's psid with psslurm, and pspmix as the ranks' PMIx server, as at Jülich."""


class Speed(StrEnum):
    """The time constants."""

    NORMAL = "normal"
    CI = "ci"
    """As short as possible, for tests."""
    REALISTIC = "realistic"
    """Those of an installed UNICORE server."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class PartitionOption(_Strict):
    """One Slurm partition."""

    name: Word
    minutes: int = Field(default=_DAY_MIN, ge=1, le=30 * _DAY_MIN)
    """Longest run time of a job."""
    nodes: tuple[Literal["c1", "c2"], ...] = Field(default=("c1", "c2"), min_length=1)
    """Its nodes; partitions without a common node are the modules of a modular supercomputer."""


class UserOption(_Strict):
    """A further UNICORE user, with a Unix account of the same name that exists only inside the site."""

    name: UserName
    password_file: Path | None = None
    """The file from which the password is read at each start; None: the site makes one."""


class SiteOptions(_Strict):
    """All choices."""

    profile: Profile = Profile.SLURM
    server: Server = Server.OWN
    tsi: Path | None = None
    """With the real server: an archive or folder with UNICORE's TSI; None: fetch it from its public repository."""
    launcher: Launcher = Launcher.SLURMD
    psmgmt: Path | None = None
    """With ParaStation: an archive or folder with its source; None: fetch it from its public repository."""
    psmgmt_hash: str | None = None
    """The hash of the files of that source, if it is not the tried one."""
    unicore_site: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] | None = None
    """The site's name as UNICORE spells it; None: the local site's name in capitals."""
    unicore_port: int | None = Field(default=None, ge=1, le=65535)
    """The endpoint's port; None: any free port."""
    speed: Speed = Speed.NORMAL
    mpi: tuple[Word, ...] = ()
    """MPI plugins that Slurm offers, the first is the default; empty: all plugins of the machine's Slurm."""
    partitions: tuple[PartitionOption, ...] = (PartitionOption(name="batch"),)
    users: tuple[UserOption, ...] = ()
    login_precommand: bool = True
    token_seconds: int | None = Field(default=None, ge=1)
    """Lifetime of the OIDC issuer's access tokens."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for kind, names in (("partition", self.partitions), ("user", self.users)):
            given = [entry.name for entry in names]
            if len(set(given)) != len(given):
                raise ValueError(f"the same {kind} is named twice")
        if self.tsi is not None and (self.server is Server.OWN or self.profile is Profile.NOBATCH):
            raise ValueError("--tsi is for --server unicorex with profile slurm: nothing else has a TSI")
        self._launcher_fits()
        if self.server is Server.UNICOREX and any(user.name == SERVER_USER for user in self.users):
            raise ValueError(f"the name '{SERVER_USER}' is the server's own: choose another user name")
        if not self.partitions:
            raise ValueError("a site needs at least one partition")
        return self

    def _launcher_fits(self) -> None:
        if self.psmgmt_hash is not None and re.fullmatch(r"[0-9a-f]{64}", self.psmgmt_hash) is None:
            raise ValueError(
                f"--psmgmt-hash {self.psmgmt_hash}: a hash has 64 digits, 0 to 9 and a to f; the refusal of a source names its own"
            )
        if self.launcher is Launcher.SLURMD:
            if self.psmgmt is not None or self.psmgmt_hash is not None:
                raise ValueError("--psmgmt and --psmgmt-hash are for --launcher parastation: slurmd has no such part")
            return
        if self.profile is Profile.NOBATCH:
            raise ValueError("--launcher parastation needs nodes, which profile nobatch lacks, and root")
        if self.mpi:
            raise ValueError("--mpi is for --launcher slurmd: ParaStation's nodes have pspmix and no other MPI plugin")

    @classmethod
    def of(cls, **choices: object) -> Self:
        """The options from the command line. Raises LocalSiteError that lists everything wrong with them."""
        try:
            return cls.model_validate(choices)
        except ValidationError as error:
            problems = "; ".join(_told(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors())
            raise LocalSiteError(f"a local site like that is not possible: {problems}") from error


def _told(option: str, said: str) -> str:
    """One problem; those of several options together name them in their own words."""
    return f"{option}: {said}" if option else said.removeprefix("Value error, ")


def parse_partition(text: str) -> PartitionOption:
    """`NAME`, with `:MINUTES` and `@NODES` where wanted; nodes are joined by `+`."""
    match = re.fullmatch(r"([A-Za-z][\w-]*)(?::(\d+))?(?:@(\w+(?:\+\w+)*))?", text)
    if match is None:
        raise LocalSiteError(f"'{text}' is not a partition: write NAME, NAME:MINUTES or NAME@NODE, e.g. devel:30, booster@c2")
    nodes = tuple(match[3].split("+")) if match[3] else NODES
    unknown = sorted(set(nodes) - set(NODES))
    if unknown or len(set(nodes)) < len(nodes):
        raise LocalSiteError(f"--partition {text}: a local site has the nodes {' and '.join(NODES)}; name each at most once")
    return PartitionOption.model_validate({"name": match[1], "minutes": int(match[2] or _DAY_MIN), "nodes": nodes})


def parse_user(text: str) -> UserOption:
    """`NAME` or `NAME=PASSWORD_FILE`. Never the password itself: every user of the machine could read it in the process list."""
    name, equals, file = text.partition("=")
    path = Path(file).absolute() if equals else None
    if path is not None and not path.is_file():
        raise LocalSiteError(f"--user {text}: no file {path}; after '=' give the name of a file that holds the password")
    try:
        return UserOption(name=name, password_file=path)
    except ValidationError as error:
        raise LocalSiteError(f"'{name}' is not a valid user name: use lower-case letters, digits and '-'") from error


def parse_source(option: str, path: Path) -> Path:
    """An existing archive or folder, by its full path, because root reads it too."""
    if not path.exists():
        raise LocalSiteError(f"{option} {path}: no such archive or folder")
    return path.absolute()
