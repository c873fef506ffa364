"""What the queue remembers about its jobs."""

import os
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AnyUrl, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter

from esd_localsite.records.shelf import Record

_URL: TypeAdapter[AnyUrl] = TypeAdapter(AnyUrl)


class QueueStatus(StrEnum):
    """The status of a job, in the service's words and order. The service does not use `validated` and `mapped` yet."""

    SUBMITTED = "submitted"
    VALIDATED = "validated"
    RUNNING = "running"
    MAPPED = "mapped"
    FINISHED = "finished"
    ERROR = "error"
    REMOVED = "removed"

    @property
    def is_final(self) -> bool:
        return self in {QueueStatus.FINISHED, QueueStatus.ERROR, QueueStatus.REMOVED}


Tag = Annotated[str, StringConstraints(min_length=2, max_length=100, strip_whitespace=True)]


class DataItem(BaseModel):
    """A file at an address: an input of a job."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: Annotated[str, AfterValidator(lambda url: str(_URL.validate_python(url)))]
    path: str | None = None
    content_type: str | None = None
    size: int | None = None
    hash: str | None = None


class CommentBody(BaseModel):
    """A remark that a client sends."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    content: str = Field(min_length=1, max_length=10_000)


class Comment(BaseModel):
    """A stored remark."""

    model_config = ConfigDict(frozen=True)

    content: str
    user: str
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Request(BaseModel):
    """A client's request. Like the service, ignores further keys."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str = Field(max_length=10_000_000)
    command: Annotated[str, BeforeValidator(lambda given: given or "")] = ""
    collab: str
    hardware_platform: str
    hardware_config: dict[str, JsonValue] | None = None
    input_data: list[DataItem] | None = None
    tags: list[Tag] | None = None


class Output(BaseModel):
    """One result file of a job: path below its folder, bytes, SHA-1.

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
    request: Request
    tags: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    removed: bool = False
    ended: datetime | None = None
    """Set once the job has been removed."""
    outputs: tuple[Output, ...] | None = None
    """Set once the job has ended."""
