"""Runs one validation: submits its job, follows it for a limited time, fetches its output."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import FAILED, Connection, JobState
from esd_deploy.display.progress import Display
from esd_deploy.inputs.content import Content
from esd_deploy.plans.job import SiteJob
from esd_deploy.runs import results, submission
from esd_deploy.runs.following import follow
from esd_deploy.runs.patience import Deadline, PastDeadlineError, patiently
from esd_deploy.validation.plan import ValidationPlan
from esd_deploy.validation.terms import observations
from esd_deploy.validation.terms.observations import JobEnd, Output

_GRACE_S = 120
"""Seconds after its time limit for which a site may still report a job as running."""
_RUNNING = frozenset({"RUNNING", "STAGINGOUT"})


@dataclass(frozen=True)
class Session:
    """A validation's job at a site; its folder here gets the layout of the job's folder."""

    plan: ValidationPlan
    job: SiteJob
    folder: Path
    connection: Connection
    display: Display
    queue_s: int = 600

    def run(self) -> tuple[str, JobEnd, tuple[Output, ...]]:
        """Run the job; return its URL, how it ended, and its steps' output. A hang at the site does not hang this. Ctrl-C ends the job."""
        retry = patiently(notice=self.display.step)
        files = self.job.files
        url = submission.create(self.connection, self.job.description, self.plan.id, retry)
        try:
            submission.stage(self.connection, url, files, retry)
            end = self._follow(url, retry)
        except BaseException:
            self.connection.abort(url)
            raise
        if not end.finished:
            retry(self.connection.abort, url)
        self._fetch(url, files, retry)
        end = JobEnd(
            end.started, end.finished, self._own("esd/failure.txt") or end.message, self._own("stderr"), self.plan.time_s, self.queue_s
        )
        return url, end, observations.read(self.folder, self.plan.steps)

    def _own(self, path: str) -> str:
        """What the job itself wrote there; empty if it wrote none."""
        return observations.text(self.folder / path).strip()

    def _follow(self, url: str, retry: Retrying) -> JobEnd:
        deadline = Deadline(time.monotonic() + self.queue_s)
        state: JobState | None = None
        try:
            for state in follow(self.connection, url, poll_s=self.plan.site.poll_s, retry=retry, sleep=deadline.wait):
                self.display.step(f"{self.plan.id}: {state.status}" + (f" ({state.message})" if state.message else ""))
                if state.status in _RUNNING:
                    deadline.deadline_s = time.monotonic() + self.plan.runs_s(self.queue_s) + _GRACE_S
        except PastDeadlineError:
            started = state is not None and state.status in _RUNNING
            return JobEnd(started=started, finished=False, message=self._waiting_for(url))
        failed = state is not None and state.status == FAILED
        return JobEnd(finished=not failed, message=state.message if state and failed else "")

    def _waiting_for(self, url: str) -> str:
        """Why the batch system has not started the job, in its own word."""
        try:
            reason = self.connection.details(url).get("Reason", "")
        except ToolError:
            return ""
        return "" if reason == "None" else reason

    def _fetch(self, url: str, files: Mapping[str, Content], retry: Retrying) -> None:
        self.display.step(f"{self.plan.id}: fetching the outputs")
        self.folder.mkdir(parents=True, exist_ok=True)
        results.fetch(self.connection, url, self.folder, files, retry)
