"""The vocabulary of a job's life: phases, actions, events. `machine` connects them."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Phase(StrEnum):
    """The phase of a job; several phases are one status for the client."""

    CREATED = "CREATED"
    STAGING_IN = "STAGING_IN"
    READY = "READY"
    PRECOMMAND = "PRECOMMAND"
    SUBMITTING = "SUBMITTING"
    ALLOCATING = "ALLOCATING"
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    LOGIN_NODE = "LOGIN_NODE"
    POSTCOMMAND = "POSTCOMMAND"
    STAGING_OUT = "STAGING_OUT"
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        return self in {Phase.SUCCESSFUL, Phase.FAILED}

    @property
    def is_batch(self) -> bool:
        """The batch system has the job."""
        return self in {Phase.QUEUED, Phase.RUNNING}

    @property
    def is_command(self) -> bool:
        """A process on the login node has the job."""
        return self in {Phase.PRECOMMAND, Phase.LOGIN_NODE, Phase.POSTCOMMAND}


STATUS = {
    Phase.CREATED: "READY",
    Phase.STAGING_IN: "STAGINGIN",
    Phase.READY: "READY",
    Phase.PRECOMMAND: "QUEUED",
    Phase.SUBMITTING: "QUEUED",
    Phase.ALLOCATING: "QUEUED",
    Phase.QUEUED: "QUEUED",
    Phase.RUNNING: "RUNNING",
    Phase.LOGIN_NODE: "RUNNING",
    Phase.POSTCOMMAND: "STAGINGOUT",
    Phase.STAGING_OUT: "STAGINGOUT",
    Phase.SUCCESSFUL: "SUCCESSFUL",
    Phase.FAILED: "FAILED",
}
"""The status word of each phase, as UNICORE shows it."""


class Action(StrEnum):
    """What the engine must do after a step."""

    MAKE_FOLDER = "MAKE_FOLDER"
    STAGE_IN = "STAGE_IN"
    RUN_PRECOMMAND = "RUN_PRECOMMAND"
    SUBMIT = "SUBMIT"
    ALLOCATE = "ALLOCATE"
    RUN_MAIN = "RUN_MAIN"
    RUN_POSTCOMMAND = "RUN_POSTCOMMAND"
    STAGE_OUT = "STAGE_OUT"
    STOP = "STOP"


class JobState(BaseModel):
    """Everything except the description on which the next step depends. Persisted."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")  # what an earlier version kept may be there still

    phase: Phase = Phase.CREATED
    pending: Action | None = None
    """Decided on but not known to be done: performed (again) when the endpoint comes back."""
    started: bool = False
    """The client said `start`."""
    process: str | None = None
    """The running login-node command, see `processes.Process`."""
    batch_id: str | None = None
    attempts: int = 0
    wait_from: float | None = None
    """Since when a missing exit code, or the next attempt to submit, is waited for."""
    exit_code: int | None = None
    message: str = ""


@dataclass(frozen=True)
class Rules:
    """What steps depend on besides: time constants in seconds, and the job's directory, which messages name."""

    grace: float
    submit_attempts: int
    submit_retry: float
    directory: str = ""


@dataclass(frozen=True)
class Created:
    """The job's directory is there."""


@dataclass(frozen=True)
class Started:
    """The client has uploaded what it wanted to."""


@dataclass(frozen=True)
class Aborted:
    """The client wants the job to end."""


@dataclass(frozen=True)
class Restarted:
    """The client wants a finished job to run again."""


@dataclass(frozen=True)
class Failed:
    """Something that the endpoint itself had to do cannot be done."""

    message: str


@dataclass(frozen=True)
class Done:
    """The pending action is done and has nothing to tell."""


@dataclass(frozen=True)
class Launched:
    """A command runs on the login node."""

    process: str


@dataclass(frozen=True)
class CommandEnded:
    """The login-node command is over; no exit code: it ended before it noted one. `output` is the end of what it printed."""

    exit_code: int | None
    at: float = 0.0
    output: tuple[str, ...] = ()


@dataclass(frozen=True)
class Submitted:
    """The batch system took the job."""

    batch_id: str


@dataclass(frozen=True)
class Refused:
    """The batch system did not take the job."""

    message: str
    at: float


@dataclass(frozen=True)
class Tick:
    """Time goes on."""

    at: float


class Batch(StrEnum):
    """What UNICORE makes of the batch system's word for a job: how it ended is not among it."""

    WAITING = "WAITING"
    RUNNING = "RUNNING"
    ENDED = "ENDED"


@dataclass(frozen=True)
class BatchSeen:
    """What the batch system says, and the exit code file, where there is one."""

    state: Batch
    exit_code: int | None
    at: float


Event = Created | Started | Aborted | Restarted | Failed | Done | Launched | CommandEnded | Submitted | Refused | Tick | BatchSeen
