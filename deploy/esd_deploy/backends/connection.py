"""What a site must be able to do for a run, in a run's own words. unicore.py does it; tests do it with a plain fake."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from esd_build.data.errors import ToolError
from esd_deploy.plans.content import Content
from esd_deploy.plans.job import JobDescription, JobSpec, SiteJob

SUCCESSFUL = "SUCCESSFUL"
FAILED = "FAILED"
RUNNING = "RUNNING"
READY = "READY"
"""A job that has all its parts but was not started."""
ENDED = frozenset({SUCCESSFUL, FAILED})


class ConnectionLostError(ToolError):
    """The site did not answer this time; it may the next time."""


class AwayError(ConnectionLostError):
    """By the site's own word a part of it is away that serves every path: what one path was asked for says nothing of that path."""


class RefusedError(ToolError):
    """The site does not let this caller in."""


class FullError(ToolError):
    """The caller's space at the site is used up: trying again helps only when somebody has made room."""


class GoneError(ToolError):
    """The site no longer knows the job, or the file."""


@dataclass(frozen=True)
class JobState:
    """A job as the site sees it; `status` in UNICORE's words. `batch_id` is the batch system's own, where it has one."""

    status: str
    message: str = ""
    exit_code: int | None = None
    log: tuple[str, ...] = ()
    batch_id: str | None = None
    tags: frozenset[str] = field(default=frozenset())

    @property
    def ended(self) -> bool:
        return self.status in ENDED


class EndedError(ToolError):
    """The job has ended before it had what it needs; `state` says how."""

    def __init__(self, state: JobState) -> None:
        super().__init__(f"the job has ended before it got its files: {state.status}, {state.message or 'without a word'}")
        self.state = state


@dataclass(frozen=True)
class RemoteFile:
    """A file in a job's folder; `path` is what the server said and not yet to be trusted. Without `size` it is read to its end.

    With a `problem` it is a folder that the server did not list, or something that it does not give.
    """

    path: str
    size: int | None
    sha256: str | None = None
    problem: str = ""
    kind: str = "file"


class Connection(Protocol):
    """A live connection to a site. Every method may raise ConnectionLostError or, for good, ToolError."""

    def script_job(self, spec: JobSpec) -> SiteJob:
        """A job of shell scripts, as such a site takes it. Raises UsageError where it runs none."""

    def find(self, tag: str) -> Sequence[str]:
        """URLs of the caller's jobs with this tag, all of them."""

    def create(self, description: JobDescription) -> str:
        """Make a job that waits for its files; its URL. Not repeatable: ask `find` after a lost answer."""

    def upload(self, job: str, path: str, content: Content) -> None:
        """Put one file into the job's folder; repeatable."""

    def start(self, job: str) -> None:
        """All files are there; repeatable."""

    def state(self, job: str) -> JobState:
        """How the job stands now."""

    def details(self, job: str) -> Mapping[str, str]:
        """What the batch system says of the job; empty where it says nothing."""

    def files(self, job: str) -> Sequence[RemoteFile]:
        """All files in the job's folder and below; a folder that cannot be listed is one with a `problem` and keeps no other back."""

    def read(self, job: str, path: str, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """One file's content from a byte on, in pieces."""

    def abort(self, job: str) -> None:
        """End the job; nothing happens to one that has ended."""

    def delete(self, job: str) -> None:
        """Remove the job and its folder at the site; nothing happens where it is gone."""
