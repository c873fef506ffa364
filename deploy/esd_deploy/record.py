"""The run's record, `runs/<id>/run.json`: what was run, where, from what image, and what came of it."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esd_build.documents import nearest
from esd_build.errors import ToolError, UsageError
from esd_build.registry import PublishedImage
from esd_deploy.connection import SUCCESSFUL, JobState
from esd_deploy.plan import Plan, description

FILE_NAME = "run.json"
PREPARED = "PREPARED"
"""Before the site has the job; all other states are the site's."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageRecord(_Part):
    """The image, pinned; `sif_digest` and `size` (bytes) are those of the file that ran."""

    reference: str
    digest: str
    sif_digest: str
    size: int

    @classmethod
    def of(cls, image: PublishedImage) -> Self:
        """What of the registry's answer is kept."""
        return cls(reference=str(image.reference), digest=str(image.reference.digest), sif_digest=image.sif_digest, size=image.size)


class ScriptRecord(_Part):
    """The user's program."""

    name: str
    sha256: str
    arguments: tuple[str, ...] = ()


class JobRecord(_Part):
    """The job at the site; without `url` nothing has been heard of it yet."""

    url: str | None = None
    description: dict[str, Any]


class StateRecord(_Part):
    """A state and when it was first seen from here."""

    status: str
    time: datetime


class FileRecord(_Part):
    """A result, by its path in the run's folder."""

    path: str
    size: int
    sha256: str


class PullRecord(_Part):
    """Where the image was pulled, and whether it had to be: a host of the batch job here means that the site runs no precommands."""

    host: str
    downloaded: bool
    seconds: int


class RunRecord(_Part):
    """All that is known of one run. Times are UTC."""

    id: str
    site: str
    site_file: Path | None = None
    """The site's configuration, where it is a file of the user's own."""
    mode: Literal["container", "module"]
    image: ImageRecord | None
    script: ScriptRecord
    launch: str
    nodes: int
    threads_per_rank: int
    time_limit_s: int
    job: JobRecord
    states: tuple[StateRecord, ...]
    status: str
    exit_code: int | None = None
    message: str = ""
    log: tuple[str, ...] = ()
    """The site's log of the job, where it failed."""
    hosts: tuple[str, ...] = ()
    ranks: int | None = None
    """As counted inside by MPI."""
    pull: PullRecord | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, int | float] = Field(default_factory=dict)
    files: tuple[FileRecord, ...] = ()

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """The record of a run that is about to be submitted."""
        return cls(
            id=plan.run_id,
            site=plan.site.name,
            site_file=plan.site.file,
            mode=plan.mode,
            image=ImageRecord.of(plan.image) if plan.image else None,
            script=ScriptRecord(name=plan.script_name, sha256=plan.script_sha256, arguments=plan.arguments),
            launch=str(plan.launch),
            nodes=plan.shape.nodes,
            threads_per_rank=plan.shape.threads,
            time_limit_s=plan.time_s,
            job=JobRecord(description=description(plan)),
            states=(StateRecord(status=PREPARED, time=datetime.now(UTC)),),
            status=PREPARED,
        )

    @property
    def succeeded(self) -> bool:
        return self.status == SUCCESSFUL and self.exit_code == 0

    def with_job(self, url: str) -> Self:
        return self.model_copy(update={"job": self.job.model_copy(update={"url": url})})

    def with_state(self, state: JobState) -> Self:
        """The record after the site was asked; a state that was seen already keeps its time."""
        new = () if state.status == self.status else (StateRecord(status=state.status, time=datetime.now(UTC)),)
        return self.model_copy(
            update={
                "states": (*self.states, *new),
                "status": state.status,
                "message": state.message,
                "exit_code": state.exit_code,
                "log": () if state.status == SUCCESSFUL else state.log,
            }
        )

    def save(self, folder: Path) -> None:
        """Write `run.json` whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / FILE_NAME
        part = target.with_name(f".{FILE_NAME}.{os.getpid()}.part")
        try:
            part.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise ToolError(f"cannot write {target}: {error.strerror}") from error


def load(runs: Path, run_id: str) -> RunRecord:
    """Raises UsageError for an unknown id, with the nearest known one."""
    path = runs / run_id / FILE_NAME
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise UsageError(f"no run '{run_id}' in {runs}; {nearest(run_id, known(runs))}") from error
    except (ValidationError, json.JSONDecodeError) as error:
        raise ToolError(f"{path} is damaged or of another version: {error}") from error


def known(runs: Path) -> list[str]:
    """The ids of all runs that have a record, oldest first."""
    return sorted(path.parent.name for path in runs.glob(f"*/{FILE_NAME}"))
