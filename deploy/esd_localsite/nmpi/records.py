"""What the queue remembers of its jobs."""

import os
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from esd_localsite.jobs.shelf import Record


class QueueStatus(StrEnum):
    """Where a job stands."""

    SUBMITTED = "submitted"
    RUNNING = "running"
    FINISHED = "finished"
    ERROR = "error"
    REMOVED = "removed"

    @property
    def is_final(self) -> bool:
        return self in {QueueStatus.FINISHED, QueueStatus.ERROR, QueueStatus.REMOVED}


class Request(BaseModel):
    """What a client asks for. More is taken, and passed over, as the service does."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str = Field(min_length=1, max_length=10_000_000)
    command: str = "run.py {system}"
    collab: str = Field(pattern=r"^[A-Za-z0-9][\w.-]{0,99}$")
    hardware_platform: str
    hardware_config: dict[str, Any] | None = None
    input_data: list[dict[str, Any]] | None = None
    tags: list[str] | None = None


class Output(BaseModel):
    """One file that a job left: path below its folder, bytes, SHA-1.

    `raw` is the path in hex where it is not UTF-8: then `path` shows such bytes, and control characters, as `%E9`.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    hash: str
    raw: str | None = None

    @property
    def name(self) -> str:
        """The path on disk."""
        return os.fsdecode(bytes.fromhex(self.raw)) if self.raw else self.path


class QueueRecord(Record):
    """One job of the queue; `job` is the engine's job that runs it."""

    number: int
    owner: str
    job: str
    request: dict[str, Any]
    tags: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    removed: bool = False
    outputs: tuple[dict[str, Any], ...] | None = None
    """Known once the job has ended."""
