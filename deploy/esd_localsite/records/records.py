"""What the endpoint remembers about its jobs and transfers."""

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
    """One job: request, state and log."""

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
    """The service of the endpoint through which it arrived."""
    ended: datetime | None = None
    allocation: str | None = None
    """For a task in an allocation: the allocation's batch id."""
    site: str = "default"
    """The target system that accepted it."""
    unreadable: bool = False
    """Whether the description is wrong: then the job is only its directory."""
    login_process: str | None = None
    """The job's last own process on the login node (not a pre- or postcommand); see `processes.Process`."""
    login_node_closed: bool = False
    """Whether the site ran nothing on the login node when the job arrived."""
    terminates: datetime | None = None
    """When the job and its directory are removed; None: thirty days after its arrival."""
    state: JobState = JobState()
    log: tuple[str, ...] = ()

    def noting(self, *lines: str) -> "JobRecord":
        """The record with more lines in its log, in UNICORE's form."""
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
    """The job at a site that runs nothing on the login node: everything silently becomes batch work."""
    job_type = JobType.BATCH if job.job_type is JobType.LOGIN_NODE else job.job_type
    commands = {name: replace(getattr(job, name), on_login_node=False) for name in ("precommand", "postcommand")}
    return replace(job, job_type=job_type, **commands)


class TransferStatus(StrEnum):
    """The status of a transfer."""

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
    """True: from `storage` to `address`; False: the other direction."""
    status: TransferStatus = TransferStatus.CREATED
    message: str = ""
    transferred: int = 0
    tags: tuple[str, ...] = ()


class ClientTransferRecord(Record):
    """A file of a storage that a client may send or fetch at a separate address, without logging in."""

    owner: str
    account: str | None
    group: str | None = None
    storage: str
    file: str
    is_export: bool


class SiteRecord(Record):
    """A target system that a client created."""

    owner: str
    tags: tuple[str, ...] = ()
