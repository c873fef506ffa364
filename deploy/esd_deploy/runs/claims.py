"""Finds out what became of a run whose job the site gave up: a batch system that answers late may still have the job, even several times.

Only one of a run's batch jobs works (job/claim.sh). It notes in the job's folder that it works, and how it ended. If the server says that
a job failed, but its program did not, esd-deploy reads the folder and asks the batch system for jobs with the run's name.
"""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from esd_build.data.errors import ToolError
from esd_build.net.answers import beginning
from esd_deploy.backends.connection import FAILED, FULL, RUNNING, SUCCESSFUL, Connection, GoneError, JobState
from esd_deploy.plans.job import JobSpec, own_files
from esd_deploy.runs import errand
from esd_deploy.runs.patience import BATCH_SYSTEM_S
from esd_deploy.sites.config import SiteConfig

CLAIM, ENDED, OVER = "esd/claim", "esd/ended", "esd/over"
OTHER_WORKS = 75
"""Exit code of a batch job that ends because another job of the same run works; EX_TEMPFAIL in sysexits.h."""
_LOOK_S = 30
_LOST = re.compile(r"could not submit|submission failed|sbatch: error|timed out|complete normally|without an exit code", re.IGNORECASE)
_FRESH = 4096

Look = Callable[[str], Sequence[str]]
"""`look` or `cancel` → the numbers of the run's batch jobs that wait or run. Raises ToolError if the batch system does not answer."""


@dataclass(frozen=True)
class Notes:
    """What a run's batch jobs noted: the number of the job that works, and its number and exit code when it ended."""

    holder: str | None = None
    ended: tuple[str, int] | None = None


def look_at(connection: Connection, site: SiteConfig, names: Sequence[str], sleep: Callable[[float], None]) -> Look:
    """A function that asks the site's batch system, through a small job on a login node."""

    def look(action: str) -> Sequence[str]:
        environment = (("ESD_ASKED_NAMES", ",".join(names)), ("ESD_ACTION", action))
        spec = JobSpec(site, (f"esd-look-{time.time_ns()}",), "look", "esd/jobs.sh", own_files("jobs.sh"), "login", environment=environment)
        answer = errand.run(connection, spec, sleep=sleep)
        if answer.exit_code != 0:
            raise ToolError(f"the batch system of {site.name} does not answer: {answer.stderr.strip()[-300:]}")
        return re.findall(r"(?m)^(\d+) \w+$", answer.stdout)

    return look


class Claims:
    """Gives the state of one run's job: as the server reports it, unless the run's own batch jobs say otherwise."""

    def __init__(self, connection: Connection, look: Look | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._connection = connection
        self._look = look
        self._clock = clock
        self._since: float | None = None
        self._asked: tuple[float, Sequence[str]] | None = None
        self._unanswered: tuple[float, ToolError] | None = None

    def state(self, job: str) -> JobState:
        """The state that the server reports. If it gave the job up and a batch job of the run waits or works: that one's state."""
        told, url = self._connection.state(job), job
        if not is_doubtful(told):
            return told
        self._since = self._clock() if self._since is None else self._since
        notes = self.notes(url)
        if notes.ended is not None:
            return _by_notes(told, notes.ended)
        return self._followed(url, told, notes) or told

    def notes(self, url: str) -> Notes:
        """What the batch jobs noted in the job's folder."""
        holder = re.fullmatch(r"\s*(\d+)\s*", self._text(url, CLAIM))
        ended = re.fullmatch(r"\s*(\d+) \d+ (\d{1,3})\s*", self._text(url, ENDED))
        return Notes(holder[1] if holder else None, (ended[1], int(ended[2])) if ended else None)

    def declare_over(self, url: str) -> None:
        """Keep the run's batch jobs from beginning. This sets the mark, then reads the claim; a batch job claims, then reads the mark."""
        with suppress(ToolError):
            self.notes(url)  # now the connection knows the folder, even if the job has ended
            self._connection.upload(url, OVER, b"over\n")

    def cancel(self, url: str) -> None:
        """End the run's batch jobs that the server no longer knows."""
        if self._look is not None and is_doubtful(self._connection.state(url)):
            self._look("cancel")

    def _followed(self, url: str, told: JobState, notes: Notes) -> JobState | None:
        """The state of a batch job that the server does not follow; None if there is none and none will begin."""
        if self._look is None:
            return None
        try:
            active = self._active()
        except ToolError as error:
            if notes.holder is not None and FULL.search(str(error)):
                # The run's batch job began, and the server saw it end. On a full disk, a small job cannot ask the batch system.
                return replace(told, message=f"{told.message} A disk at the site is full: {error}")
            if self._clock() - (self._since or 0) < BATCH_SYSTEM_S:
                return replace(
                    told, status=RUNNING, message=f"given up by the site ({told.message}); {error}; asking again", exit_code=None
                )
            active = []
        if active:
            number = notes.holder if notes.holder in active else max(active, key=int)
            message = f"given up by the site ({told.message or told.exit_code}), but batch job {number} of this run continues"
            return replace(told, status=RUNNING, message=message, exit_code=None, batch_id=number)
        if notes.holder is None:
            self.declare_over(url)
        after = self.notes(url)
        if after.ended is not None:
            return _by_notes(told, after.ended)
        return self._lost(told, after) if after.holder else None

    def _lost(self, told: JobState, notes: Notes) -> JobState:
        return replace(
            told, status=FAILED, message=told.message or f"batch job {notes.holder} ended and noted nothing", batch_id=notes.holder
        )

    def _active(self) -> Sequence[str]:
        """The run's batch jobs. Asks seldom, because each question is a job on a login node."""
        if self._look is None:
            return ()
        now = self._clock()
        if self._unanswered is not None and now - self._unanswered[0] < _LOOK_S:
            raise self._unanswered[1]
        if self._asked is None or now - self._asked[0] >= _LOOK_S or not self._asked[1]:
            try:
                self._asked = now, self._look("look")
            except ToolError as error:
                self._unanswered = now, error
                raise
        return self._asked[1]

    def _text(self, url: str, path: str) -> str:
        try:
            with self._connection.read(url, path) as pieces:
                return beginning(pieces, _FRESH).decode("utf-8", errors="replace")
        except GoneError:
            return ""


def is_doubtful(state: JobState) -> bool:
    """Whether only the server may believe in the failure: it could not submit, it lost the job, or it followed one that gave way."""
    if state.status != FAILED or "aborted" in state.message.lower():
        return False
    if state.exit_code is None:
        return any(_LOST.search(line) for line in (state.message, *state.log[-20:]))
    return state.exit_code == OTHER_WORKS


def _by_notes(told: JobState, ended: tuple[str, int]) -> JobState:
    number, code = ended
    status = SUCCESSFUL if code == 0 else FAILED
    return replace(told, status=status, message=f"batch job {number} of this run ended so", exit_code=code, batch_id=number, log=())
