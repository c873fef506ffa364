"""The answers of a neuromorphic queue, as models; unneeded keys are ignored."""

from dataclasses import dataclass
from typing import TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from esd_build.data.errors import ToolError
from esd_build.net.answers import parsed, printable

T = TypeVar("T")


class _Lenient(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OutputFile(_Lenient):
    """One result; `path`, `url` and `hash` come from the server and are not trusted yet. Size in bytes."""

    url: str
    path: str | None = None
    size: int | None = None
    hash: str | None = None


class OutputData(_Lenient):
    """All results of a job."""

    files: tuple[OutputFile, ...] = ()


class ResourceUsage(_Lenient):
    """What a job was charged."""

    value: float
    units: str


class JobAnswer(_Lenient):
    """A job as `/jobs/{id}` shows it."""

    id: int
    status: str
    tags: tuple[str, ...] = ()
    hardware_platform: str | None = None
    timestamp_submission: str | None = None
    timestamp_completion: str | None = None
    resource_usage: ResourceUsage | None = None
    output_data: OutputData | None = None


@dataclass(frozen=True)
class Answer:
    """A successful answer, not read yet."""

    response: httpx.Response
    url: str


JOB: TypeAdapter[JobAnswer] = TypeAdapter(JobAnswer)
JOBS: TypeAdapter[list[JobAnswer]] = TypeAdapter(list[JobAnswer])


def read(answer: Answer, expected: TypeAdapter[T]) -> T:
    """The answer as a model; raises ToolError if it has another form."""
    content = answer.response.content
    try:
        return expected.validate_python(parsed(content, "its answer") if content else None)
    except (ValidationError, ToolError) as error:
        what = printable(error, 500)
        raise ToolError(f"{answer.url} answered, but not as a neuromorphic queue does ({what}); is the address right?") from error
