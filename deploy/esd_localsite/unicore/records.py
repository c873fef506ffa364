"""What the endpoint remembers of its jobs: one JSON file each, replaced atomically."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.unicore.life import JobState


class JobRecord(BaseModel):
    """One job: what was asked for, where it stands, what happened."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: str
    owner: str
    """The UNICORE user."""
    account: str | None = None
    """The Unix account; None: the endpoint's own."""
    group: str | None = None
    """The Unix group that the user chose; None: the account's own."""
    submitted: dict[str, Any]
    """The description as the client sent it."""
    created: datetime
    directory: Path
    tags: tuple[str, ...] = ()
    precommand_in_batch: bool = False
    """The site let no precommand run on the login node when the job came."""
    state: JobState = JobState()
    log: tuple[str, ...] = ()
    details: dict[str, str] = {}
    """The batch system's last words on the job, kept because it forgets them."""

    def noting(self, *lines: str) -> "JobRecord":
        """With more lines in the log, in UNICORE's form."""
        stamp = datetime.now(UTC).astimezone().strftime("%a %b %d %H:%M:%S %Z %Y")
        return self.model_copy(update={"log": (*self.log, *(f"{stamp}: {line}" for line in lines))})


class JobStore:
    """The jobs by id, in memory and in `folder`. Records are values: a reader needs no lock."""

    def __init__(self, folder: Path) -> None:
        """Raises LocalSiteError where a record cannot be read: a job must not vanish silently."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._records: dict[str, JobRecord] = {record.id: record for record in map(_read, folder.glob("*.json"))}

    def __iter__(self) -> Iterator[JobRecord]:
        """Newest first."""
        return iter(sorted(self._records.values(), key=lambda record: record.created, reverse=True))

    def get(self, job_id: str) -> JobRecord | None:
        return self._records.get(job_id)

    def save(self, record: JobRecord) -> None:
        """Durable before it counts: what is seen through the endpoint survives its end."""
        target = self._folder / f"{record.id}.json"
        write_atomically(target, record.model_dump(mode="json"))
        self._records[record.id] = record

    def remove(self, job_id: str) -> None:
        self._records.pop(job_id, None)
        (self._folder / f"{job_id}.json").unlink(missing_ok=True)


def write_atomically(target: Path, document: Mapping[str, object]) -> None:
    """Replace a JSON file as a whole, readable by its owner only."""
    temporary = target.with_suffix(".tmp")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:  # noqa: PTH123 - mode from the start
        json.dump(document, stream)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(target)


def _read(path: Path) -> JobRecord:
    try:
        return JobRecord.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise LocalSiteError(f"the job record {path} cannot be read: remove it to start the UNICORE endpoint without that job") from error
