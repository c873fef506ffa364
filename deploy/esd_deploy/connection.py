"""What a site must be able to do for a run, in a run's own words. unicore.py does it; tests do it with a plain fake."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from esd_build.errors import ToolError

SUCCESSFUL = "SUCCESSFUL"
FAILED = "FAILED"
ENDED = frozenset({SUCCESSFUL, FAILED})


class ConnectionLostError(ToolError):
    """The site did not answer this time; it may the next time."""


@dataclass(frozen=True)
class JobState:
    """A job as the site sees it; `status` in UNICORE's words."""

    status: str
    message: str = ""
    exit_code: int | None = None
    log: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class RemoteFile:
    """A file in a job's folder; `path` is what the server said and not yet to be trusted."""

    path: str
    size: int


class Connection(Protocol):
    """A live connection to a site. Every method may raise ConnectionLostError or, for good, ToolError."""

    def find(self, tag: str) -> str | None:
        """URL of the job with this tag, if there is one."""

    def create(self, description: dict[str, object]) -> str:
        """Make a job that waits for its files; its URL. Not repeatable: ask `find` after a lost answer."""

    def upload(self, job: str, path: str, content: bytes) -> None:
        """Put one file into the job's folder; repeatable."""

    def start(self, job: str) -> None:
        """All files are there; repeatable."""

    def state(self, job: str) -> JobState:
        """How the job stands now."""

    def files(self, job: str) -> Sequence[RemoteFile]:
        """All files in the job's folder and below."""

    def read(self, job: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """One file's content, in pieces."""

    def abort(self, job: str) -> None:
        """End the job; nothing happens to one that has ended."""
