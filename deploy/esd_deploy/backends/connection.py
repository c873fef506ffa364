"""What a site must do for a run, in terms of runs. The rooms unicore and nmpi implement it; tests use a plain fake."""

import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from esd_build.data.errors import ToolError
from esd_deploy.inputs.content import Content
from esd_deploy.plans.job import JobDescription, JobSpec, SiteJob

SUCCESSFUL = "SUCCESSFUL"
FAILED = "FAILED"
RUNNING = "RUNNING"
READY = "READY"
"""A job that has all its parts but is not started."""
ENDED = frozenset({SUCCESSFUL, FAILED})


class ConnectionLostError(ToolError):
    """The site did not answer this time; a later request may succeed."""


class AwayError(ConnectionLostError):
    """The site reports that a part of it is down that serves every path; so the failure says nothing about the requested path."""


FULL = re.compile(r"quota exceeded|no space left", re.IGNORECASE)
"""The kernel's words for EDQUOT and ENOSPC, which servers pass on in their own errors."""


class RefusedError(ToolError):
    """The site refuses this caller."""


class FullError(ToolError):
    """The caller's space at the site is used up: a retry helps only after somebody has made room."""


class GoneError(ToolError):
    """The site no longer knows the job, or the file."""


@dataclass(frozen=True)
class JobState:
    """A job as the site sees it; `status` in UNICORE's words. `batch_id` is the batch system's id, if any."""

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
    """The job ended before it received its files; `state` says how."""

    def __init__(self, state: JobState) -> None:
        super().__init__(f"the job ended before it received its files: {state.status}, {state.message or 'without a word'}")
        self.state = state


@dataclass(frozen=True)
class RemoteFile:
    """A file in a job's folder; `path` comes from the server and is not trusted yet. Without `size` it is read to its end.

    With a `problem` it is a folder that the server did not list, or something that it cannot serve.
    """

    path: str
    size: int | None
    sha256: str | None = None
    sha1: str | None = None
    """Of a neuromorphic queue, which notes no other hash."""
    problem: str = ""
    kind: str = "file"


@dataclass(frozen=True)
class Passage:
    """An open connection through the site to a port that its login node reaches. `early`: bytes that came with the site's answer."""

    link: socket.socket
    early: bytes
    close: Callable[[], None]


class Connection(Protocol):
    """A live connection to a site. Every method may raise ConnectionLostError (worth a retry) or ToolError (final)."""

    def script_job(self, spec: JobSpec) -> SiteJob:
        """A job of shell scripts in this site's form. Raises UsageError if the site runs no shell scripts."""

    def batch_names(self, description: JobDescription, job: str) -> Sequence[str]:
        """The names that a job's batch jobs may have in the site's batch system; empty if the caller cannot ask it. Asks no server."""

    def find(self, tag: str) -> Sequence[str]:
        """URLs of the caller's jobs with this tag, all of them."""

    def create(self, description: JobDescription) -> str:
        """Make a job that waits for its files; returns its URL. Not repeatable: call `find` after a lost answer."""

    def upload(self, job: str, path: str, content: Content) -> None:
        """Put one file into the job's folder; repeatable."""

    def start(self, job: str) -> None:
        """Start the job: all files are there; repeatable."""

    def state(self, job: str) -> JobState:
        """The job's state now."""

    def details(self, job: str) -> Mapping[str, str]:
        """What the batch system says about the job; empty if nothing."""

    def files(self, job: str) -> Sequence[RemoteFile]:
        """All files in the job's folder and below. A folder that cannot be listed appears with a `problem`; the others are still listed."""

    def read(self, job: str, path: str, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """One file's content from an offset on, in pieces."""

    def passage(self, job: str, host: str, port: int) -> Passage:
        """Connect to a port, from the login node and as the job's user. Raises UsageError if this site, or this job, forwards no ports.

        Not every site tells that a port refuses: then the connection opens, and ends at once.
        """

    def abort(self, job: str) -> None:
        """End the job; does nothing if it has ended."""

    def delete(self, job: str) -> None:
        """Remove the job and its folder at the site; does nothing if it is gone."""
