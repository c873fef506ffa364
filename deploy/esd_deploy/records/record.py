"""The run's record, `runs/<id>/run.json`: what ran, where, from which image, with what results; enough to run it again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StringConstraints, ValidationError

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.names import nearest
from esd_build.data.whole import write_whole
from esd_build.net.answers import printable
from esd_deploy.backends.connection import ENDED, SUCCESSFUL, JobState
from esd_deploy.inputs.content import sha256_of
from esd_deploy.plans import paths
from esd_deploy.plans.job import JobDescription
from esd_deploy.plans.paths import RunPath
from esd_deploy.plans.plan import Plan
from esd_deploy.records.ending import POST_FAILED
from esd_deploy.records.record_parts import (
    ComponentRecord,
    EndingRecord,
    FileRecord,
    ImageRecord,
    JobRecord,
    MissingRecord,
    Part,
    PostRecord,
    PullRecord,
    RepeatsRecord,
    RequirementsRecord,
    ScriptRecord,
    ShapeRecord,
    StartCrashRecord,
    StateRecord,
)
from esd_deploy.sites.config import Mode

__all__ = ["FILE_NAME", "PREPARED", "RUNS", "DamagedError", "FileRecord", "MissingRecord", "PullRecord", "RunRecord", "known", "load"]

RUNS = Path("runs")
"""The folder of all runs, where nobody names another."""
FILE_NAME = "run.json"
_LARGEST = 64 * 1024**2
"""Most bytes; the record of a run with 100 000 results has 20 MB."""
SCHEMA = 2
PREPARED = "PREPARED"
"""The state before the site has the job; all other states are the site's."""


Parameter = int | Annotated[float, Field(allow_inf_nan=False)] | str
Setting = bool | Parameter


def _numbers(metrics: object) -> object:
    """Drop nulls: an older esd-deploy wrote values that are no finite number (a mean over nothing, infinity) as null."""
    return {name: value for name, value in metrics.items() if value is not None} if isinstance(metrics, dict) else metrics


class DamagedError(ToolError):
    """A record is unreadable."""


class RunRecord(Part):
    """Everything that this machine knows about one run. Times are UTC."""

    schema_version: int = 1
    """Version of the record's form; absent from the first one. Keys of a newer esd-deploy are kept and written again."""
    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
    """The run's id, also the name of its folder and a tag of its job."""
    site: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,127}$")]
    """The site's name."""
    site_file: Path | None = None
    """The site's configuration file, if it is the user's own."""
    mode: Mode
    """How it ran: see `--mode` of `esd-deploy run`; `queue` at a neuromorphic queue."""
    rerun_of: str | None = None
    """The id of the run that this one repeats."""
    tags: tuple[str, ...] = ()
    """Words by which the user groups runs (--tag)."""
    name: str | None = None
    """The user's name for the run (-J)."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that the user set (--env)."""
    hardware_config: dict[str, Setting] = Field(default_factory=dict)
    """Configuration of the queue's machine that the user set (--hardware-config), over that of the site's file."""
    after: tuple[str, ...] = ()
    """Runs that had to end well before this one began (--after)."""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    """A sweep's values for this run; the job has them in $ESD_PARAM_<name>."""
    image: ImageRecord | None
    """The container image; null in the other modes."""
    components: tuple[ComponentRecord, ...] = ()
    """Further programs, in one MPI world with the first (--component)."""
    requirements: RequirementsRecord | None = None
    """Python packages that the user added (--requirements)."""
    script: ScriptRecord
    """The user's program, its arguments and its inputs."""
    staged: tuple[RunPath, ...] = ()
    """Paths of the files sent to the job's folder; all other files there are results."""
    launch: str
    """The command line that started the program."""
    nodes: int
    """Compute nodes that the job requested."""
    threads_per_rank: int
    """Threads that each MPI rank was given."""
    shape: ShapeRecord | None = None
    """The whole shape of the job; null in the records of the first versions."""
    repeats: RepeatsRecord | None = None
    """How often the program was started in one allocation, if more than once or with a limit (a series of `bench`)."""
    time_limit_s: int
    """The job's time limit in seconds."""
    index: int | None = None
    """The run's number, from 0, if one submission made several runs."""
    job: JobRecord
    """The job at the site."""
    states: Annotated[tuple[StateRecord, ...], Field(min_length=1)]
    """All states that this machine saw, oldest first."""
    status: str
    """The last known state: PREPARED, or the site's word (QUEUED, RUNNING, SUCCESSFUL, FAILED, …)."""
    exit_code: int | None = None
    """The program's exit code; null until the job has ended, or if the site does not tell it."""
    ending: EndingRecord | None = None
    """How the run ended; null before its end."""
    message: str = ""
    """What the site says about the last state."""
    log: tuple[str, ...] = ()
    """The site's log of a failed job."""
    hosts: tuple[str, ...] = ()
    """The nodes on which the program ran, as the job reported them."""
    ranks: int | None = None
    """MPI ranks, as the job counted them."""
    pull: PullRecord | None = None
    """How the image came to the site."""
    post: PostRecord | None = None
    """The script that ran on the login node after the program (--post), and how it ended."""
    start_crashes: tuple[StartCrashRecord, ...] = ()
    """MPI starts that crashed by chance before the program ran; none in a normal run."""
    versions: dict[str, str] = Field(default_factory=dict)
    """Version of each program and library in use, as the job reported them."""
    metrics: Annotated[dict[str, int | float], BeforeValidator(_numbers)] = Field(default_factory=dict)
    """Numbers that the script wrote to `metrics.json`."""
    restarts: int = 0
    """How often the batch system started the job again; the results are those of the last start."""
    warnings: tuple[str, ...] = ()
    """Oddities of the results that do not make them wrong."""
    files: tuple[FileRecord, ...] = ()
    """The fetched results."""
    missing: tuple[MissingRecord, ...] = ()
    """What was not fetched, with the reason."""
    esd_images: str | None = None
    """Version of esd-deploy."""

    @classmethod
    def of(cls, plan: Plan, description: JobDescription, staged: Mapping[str, str] | None = None) -> Self:
        """The record of a run before its submission. `staged`: the files to send, each with the SHA-256 (hex) of its copy."""
        from importlib.metadata import version  # noqa: PLC0415 - lists of records do not ask for it, and it takes a hundredth of a second

        return cls(
            schema_version=SCHEMA,
            id=plan.run_id,
            site=plan.site.name,
            site_file=plan.site.file,
            mode=plan.mode,
            tags=plan.tags,
            name=plan.name,
            environment=dict(plan.environment),
            hardware_config=dict(plan.hardware),
            after=plan.after,
            parameters=dict(plan.parameters),
            image=ImageRecord.of(plan.image) if plan.image else None,
            components=tuple(map(ComponentRecord.of, plan.components)),
            requirements=RequirementsRecord.of(plan.packages) if plan.packages else None,
            script=_script(plan, staged),
            staged=tuple(staged or ()),
            launch=plan.line,
            nodes=plan.shape.nodes,
            threads_per_rank=plan.shape.threads,
            shape=ShapeRecord.at(plan.site, plan.shape),
            repeats=RepeatsRecord.of(plan.repeats),
            time_limit_s=plan.time_s,
            index=plan.index,
            job=JobRecord(description=description),
            post=PostRecord(script=plan.post) if plan.post else None,
            states=(StateRecord(status=PREPARED, time=datetime.now(UTC)),),
            status=PREPARED,
            esd_images=version("esd-images"),
        )

    @property
    def succeeded(self) -> bool:
        return self.status == SUCCESSFUL and self.exit_code == 0 and (self.ending is None or self.ending.kind != POST_FAILED)

    @property
    def state(self) -> str:
        """`status` for people: of a job that was submitted and not asked about since, that it was submitted."""
        return "SUBMITTED" if self.status == PREPARED and self.job.url else self.status

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def lost(self) -> tuple[MissingRecord, ...]:
        """Results whose content is still at the site and not here."""
        return tuple(one for one in self.missing if one.lost)

    @property
    def complete(self) -> bool:
        """Whether the run has ended and all its results are here."""
        return self.ended and self.ending is not None and not self.lost and bool(self.files)

    def with_job(self, url: str) -> Self:
        return self.model_copy(update={"job": self.job.model_copy(update={"url": url})})

    def with_details(self, details: dict[str, str]) -> Self:
        return self.model_copy(update={"job": self.job.model_copy(update={"details": details})})

    def with_state(self, state: JobState) -> Self:
        """The record with the state that the site reports now; a known state keeps its time."""
        new = () if state.status == self.status else (StateRecord(status=state.status, time=datetime.now(UTC)),)
        return self.model_copy(
            update={
                "states": (*self.states, *new),
                "status": state.status,
                "message": state.message,
                "exit_code": state.exit_code,
                "log": () if state.status == SUCCESSFUL else state.log,
                "job": self.job.model_copy(update={"batch_id": state.batch_id or self.job.batch_id}),
            }
        )

    def save(self, folder: Path) -> None:
        """Write `run.json` whole or not at all. Raises ToolError for content that could not be read again, or if the disk refuses."""
        target = folder / FILE_NAME
        try:
            text = self._text()
        except ValueError as error:  # pydantic's errors are some
            raise ToolError(f"{target}: a record cannot hold the site's answer; nothing was written ({printable(error)})") from error
        try:
            write_whole(target, text)
        except OSError as error:
            raise ToolError(f"cannot write {target}: {error.strerror}") from error

    def _text(self) -> str:
        """As JSON. Raises ValueError for content that would be read back differently."""
        text = self.model_dump_json(indent=2, warnings="none") + "\n"
        if type(self).model_validate_json(text).metrics != self.metrics:
            raise ValueError("a number that is not finite")
        return text


def _script(plan: Plan, staged: Mapping[str, str] | None) -> ScriptRecord:
    inputs = {name: sha256_of(content) if staged is None else staged[name] for name, content in plan.inputs}
    return ScriptRecord(name=plan.script_name, sha256=plan.script_sha256, arguments=plan.arguments, inputs=inputs)


def load(runs: Path, run_id: str) -> RunRecord:
    """Raises UsageError for an unknown id, with the nearest known one."""
    path = runs / run_id / FILE_NAME
    try:
        return RunRecord.model_validate_json(paths.read(path.parent, FILE_NAME, _LARGEST))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"no run '{run_id}' in {runs}; {nearest(run_id, known(runs))}") from error
    except (ToolError, ValueError, OSError, RecursionError) as error:
        raise DamagedError(f"{path} is damaged: {_why(error)}") from error


def _why(error: Exception) -> str:
    """One line that says what is wrong with a record."""
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror}"
    if not isinstance(error, ValidationError):
        return printable(f"not a run record: {error}", 300)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return printable(f"not a run record: {place + ': ' if place else ''}{first['msg']}{more}", 300)


def own(runs: Path, run_id: str) -> RunRecord:
    """Like `load`. Raises ToolError for the record of another run, because results would go into that run's folder."""
    one = load(runs, run_id)
    if one.id != run_id:
        raise DamagedError(f"{runs / run_id / FILE_NAME}: this is the record of run '{one.id}'; rename the folder to the run's id")
    return one


def known(runs: Path) -> list[str]:
    """The ids of all runs with a record, oldest first."""
    return sorted(folder.name for folder in runs.glob("*") if _has_record(folder))


def _has_record(folder: Path) -> bool:
    """Also where it is a link that leads nowhere, or may not be looked at: whoever reads it is told why."""
    try:
        (folder / FILE_NAME).lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True
