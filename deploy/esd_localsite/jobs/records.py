"""What the endpoint remembers of its jobs and transfers."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field

from esd_localsite.description.description import JobDescription, JobType, parse_description
from esd_localsite.description.resources import DescriptionError
from esd_localsite.jobs.life import JobState
from esd_localsite.jobs.shelf import Record

Service: TypeAlias = Literal["unicore", "nmpi"]


class JobRecord(Record):
    """One job: what was asked for, where it stands, what happened."""

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
    precommand_in_batch: bool = False
    """The site let no precommand run on the login node when the job came."""
    state: JobState = JobState()
    log: tuple[str, ...] = ()
    details: dict[str, str] = Field(default_factory=dict)
    """The batch system's last words on the job, kept because it forgets them."""

    def noting(self, *lines: str) -> "JobRecord":
        """With more lines in the log, in UNICORE's form."""
        stamp = datetime.now(UTC).astimezone().strftime("%a %b %d %H:%M:%S %Z %Y")
        return self.model_copy(update={"log": (*self.log, *(f"{stamp}: {line}" for line in lines))})


def description_of(record: JobRecord) -> JobDescription:
    """The job's description; an empty one for a job that failed because its description was wrong."""
    try:
        job = parse_description(record.submitted)
    except DescriptionError:
        return JobDescription()
    if record.allocation is not None:
        inside = (("SLURM_JOB_ID", record.allocation), ("SLURM_JOBID", record.allocation))
        return replace(job, job_type=JobType.LOGIN_NODE, environment=(*job.environment, *inside))
    return replace(job, precommand=replace(job.precommand, on_login_node=False)) if record.precommand_in_batch else job


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


class SiteRecord(Record):
    """A target system that a client made for itself."""

    owner: str
    tags: tuple[str, ...] = ()
