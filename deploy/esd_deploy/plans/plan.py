"""What one run will do, complete before anything happens: plain data, from which a backend computes the job."""

import hashlib
from dataclasses import dataclass, field, replace

from esd_build.registry import PublishedImage
from esd_deploy.inputs import parameters
from esd_deploy.inputs.content import Content, File
from esd_deploy.inputs.hardware import Settings
from esd_deploy.inputs.packages import Packages
from esd_deploy.inputs.parameters import Parameters
from esd_deploy.plans import component, launch
from esd_deploy.plans.component import PlannedComponent
from esd_deploy.plans.launch import Repeats, Shape
from esd_deploy.sites.config import Mode, SiteConfig

RUN_INDEX = "ESD_RUN_INDEX"
"""The variable in which a run of `--count` finds its number."""


@dataclass(frozen=True)
class Sent:
    """A file that goes with a run: what the user named, its place in the job's folder, its size in bytes."""

    source: str
    place: str
    size: int


@dataclass(frozen=True)
class Plan:
    """One run, ready to be submitted. `run_id` is also the job's tag, by which a job is found again."""

    run_id: str
    site: SiteConfig
    image: PublishedImage | None
    script_name: str
    script: bytes
    arguments: tuple[str, ...]
    shape: Shape
    time_s: int
    mode: Mode = "container"
    inputs: tuple[File, ...] = ()
    tags: tuple[str, ...] = ()
    sent: tuple[Sent, ...] = ()
    """The user's files, for the report before anything is sent."""
    index: int | None = None
    """Which one it is of many runs of one submission, from 0."""
    name: str | None = None
    """The run's name for people."""
    environment: tuple[tuple[str, str], ...] = ()
    """Variables that the user asked for; the environment of `site` has them already."""
    parameters: Parameters = ()
    """Of a run of a sweep: its own values; `arguments` have them already."""

    packages: Packages | None = None
    """Python packages besides those of the image; `site` shows them to the program already."""
    post: str | None = None
    """The place of the script, one of `inputs`, that runs on the login node once the program has ended well."""
    components: tuple[PlannedComponent, ...] = ()
    """Further programs, in one MPI world with this one."""
    repeats: Repeats = field(default_factory=Repeats)
    """How often the program is started in the allocation."""
    hardware: Settings = ()
    """Configuration of a queue's machine that the user asked for; the one of `site` has it already."""
    after: tuple[str, ...] = ()
    """Runs that must have ended well before this one begins."""
    dependencies: tuple[str, ...] = ()
    """Of those the batch jobs that Slurm itself waits for."""

    def with_parameters(self, own: Parameters, run_id: str) -> "Plan":
        """One run of a sweep of this plan."""
        return replace(self, run_id=run_id, parameters=own, arguments=parameters.arguments(self.arguments, own))

    @property
    def variables(self) -> tuple[tuple[str, str], ...]:
        """Environment variables that this run has besides those of `site`."""
        return (
            *(() if self.index is None else ((RUN_INDEX, str(self.index)),)),
            *parameters.variables(self.parameters),
            *(self.packages.variables if self.packages else ()),
        )

    @property
    def script_sha256(self) -> str:
        return hashlib.sha256(self.script).hexdigest()

    @property
    def command(self) -> tuple[str, ...]:
        return (self.script_name, *self.arguments)

    @property
    def launch(self) -> launch.Launch:
        """The command line of the program; for a queue just the program."""
        if self.mode in {"login", "queue"}:
            return launch.Launch((), (), ("python3", *self.command))
        return launch.program(self.site, self.shape, self.command, contained=self.image is not None)

    @property
    def line(self) -> str:
        """The command line of the program, and of all components with it."""
        return component.line(self.site, self.shape, self.command, self.components) if self.components else str(self.launch)

    @property
    def own_files(self) -> dict[str, Content]:
        """The user's files that are staged in: name in the job's folder → content."""
        return {self.script_name: self.script, **dict(self.inputs)}
