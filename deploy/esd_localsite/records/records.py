"""What the endpoint remembers of its jobs and transfers."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import ConfigDict

from esd_localsite.description.description import JobDescription, JobType, parse_description
from esd_localsite.description.resources import DescriptionError
from esd_localsite.records.life import JobState
from esd_localsite.records.shelf import Record

Service: TypeAlias = Literal["unicore", "nmpi"]


class JobRecord(Record):
    """One job: what was asked for, where it stands, what happened."""

    model_config = ConfigDict(extra="ignore")  # what an earlier version kept may be there still

    owner: str
    """The UNICORE user."""
    account: str | None = None
    """The Unix account; None: the endpoint's own."""
    group: str | None = None
    """The Unix group that the user chose; None: the account's own."""
    submitted: dict[str, Any]
    """The description as the client sent it."""
    directory: Path
    tags: tuple[str, ...] = ()
    service: Service = "unicore"
    """Which of the endpoint's services it came through."""
    ended: datetime | None = None
    allocation: str | None = None
    """For a task in an allocation: the allocation's batch id."""
    site: str = "default"
    """The target system that took it."""
    unreadable: bool = False
    """The description is wrong: the job is nothing but its directory."""
    login_process: str | None = None
    """The last process on the login node that was the job's own, not a pre- or postcommand; see `processes.Process`."""
    login_node_closed: bool = False
    """The site let nothing run on the login node when the job came."""
    terminates: datetime | None = None
    """When the job and its directory are removed; None: thirty days after it came."""
    state: JobState = JobState()
    log: tuple[str, ...] = ()

    def noting(self, *lines: str) -> "JobRecord":
        """With more lines in the log, in UNICORE's form."""
        stamp = datetime.now(UTC).astimezone().strftime("%a %b %d %H:%M:%S %Z %Y")
        return self.model_copy(update={"log": (*self.log, *(f"{stamp}: {line}" for line in lines))})


def dn_of(owner: str) -> str:
    """A user's name in UNICORE: an X.500 name."""
    return f"CN={owner},O=ESD,C=EU"


def description_of(record: JobRecord) -> JobDescription:
    """The job's description; an empty one for a job that failed because its description was wrong."""
    try:
        job = parse_description(record.submitted)
    except DescriptionError:
        return JobDescription()
    if record.allocation is not None:
        inside = (("SLURM_JOB_ID", record.allocation), ("SLURM_JOBID", record.allocation))
        return replace(job, job_type=JobType.LOGIN_NODE, environment=(*job.environment, *inside))
    return _in_batch(job) if record.login_node_closed else job


def _in_batch(job: JobDescription) -> JobDescription:
    """What becomes of a job where nothing runs on the login node: all of it, silently, is batch work."""
    job_type = JobType.BATCH if job.job_type is JobType.LOGIN_NODE else job.job_type
    commands = {name: replace(getattr(job, name), on_login_node=False) for name in ("precommand", "postcommand")}
    return replace(job, job_type=job_type, **commands)


class TransferStatus(StrEnum):
    """Where a transfer stands."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def is_final(self) -> bool:
        return self in {TransferStatus.DONE, TransferStatus.FAILED, TransferStatus.ABORTED}


class TransferRecord(Record):
    """One transfer between a storage of this server and some other place."""

    owner: str
    account: str | None
    group: str | None = None
    storage: str
    file: str
    """The file in `storage`."""
    address: str
    """The other place."""
    sends: bool
    """From `storage` to `address`; else the other way."""
    status: TransferStatus = TransferStatus.CREATED
    message: str = ""
    transferred: int = 0
    tags: tuple[str, ...] = ()


class ClientTransferRecord(Record):
    """A file of a storage that a client may send or fetch at an address of its own, without logging in."""

    owner: str
    account: str | None
    group: str | None = None
    storage: str
    file: str
    is_export: bool


class SiteRecord(Record):
    """A target system that a client made for itself."""

    owner: str
    tags: tuple[str, ...] = ()
