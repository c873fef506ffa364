"""One run, live: its record, its folder, and the site that it runs at."""

from collections.abc import Iterable
from pathlib import Path

from tenacity import Retrying, nap

from esd_build.errors import ToolError, UsageError
from esd_deploy import results, submission
from esd_deploy.connection import Connection, JobState
from esd_deploy.display import Display, Silent
from esd_deploy.plan import Plan, staged
from esd_deploy.record import RunRecord
from esd_deploy.waiting import follow

WAIT_GIVE_UP_S = 3600
"""How long a site may stay silent before waiting for a job there is given up; the job itself goes on."""


class Run:
    """A run's folder has the layout of the job's folder, with the record `run.json` in it.

    The record is saved before the job exists and after each step, so that a new Run can take over where another one died.
    """

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        connection: Connection,
        *,
        poll_s: float,
        display: Display | None = None,
        sleep: submission.Sleep = nap.sleep,
    ) -> None:
        self.record = record
        self.folder = folder
        self._connection = connection
        self._poll_s = poll_s
        self._display = display or Silent()
        self._sleep = sleep

    @staticmethod
    def prepare(plan: Plan, folder: Path) -> RunRecord:
        """Write everything that the job needs, and the record, into a new folder."""
        record = RunRecord.of(plan)
        try:
            for path, content in plan.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        except OSError as error:
            raise ToolError(f"cannot write the run's folder {folder}: {error.strerror}; choose another one with --output") from error
        record.save(folder)
        return record

    @property
    def id(self) -> str:
        return self.record.id

    def submit(self) -> None:
        """Make the run's job unless it exists, send its files, start it."""
        self._display.step(f"{self.id}: submitting to {self.record.site}")
        retry = self._retry()
        url = self.record.job.url or submission.create(self._connection, self.record.job.description, self.id, retry)
        self._keep(self.record.with_job(url))
        submission.stage(self._connection, url, self._staged(), retry)
        self._display.step(f"{self.id}: submitted to {self.record.site}, job {url}")

    def resume(self) -> None:
        """Complete a submission that was interrupted; nothing to do for a job that has begun."""
        if self.record.job.url is None or self._retry()(self._connection.state, self.record.job.url).status == "READY":
            self.submit()

    def wait(self) -> RunRecord:
        """Follow the job to its end and fetch what it made. A failed job is no exception here: see `record.succeeded`."""
        retry = self._retry(WAIT_GIVE_UP_S)
        for state in follow(self._connection, self._url, poll_s=self._poll_s, retry=retry, sleep=self._sleep):
            self._seen(state)
        return self.fetch()

    def refresh(self) -> RunRecord:
        """Ask the site once."""
        self._seen(self._retry()(self._connection.state, self._url))
        return self.record

    def fetch(self) -> RunRecord:
        """Bring the results home and complete the record by what the job reported."""
        self._display.step(f"{self.id}: fetching the results")
        files = results.fetch(self._connection, self._url, self.folder, self._staged_names(), self._retry())
        self._keep(self.record.model_copy(update={"files": files}))
        self._keep(results.understood(self.record, self.folder))
        return self.record

    def cancel(self) -> RunRecord:
        """End the job at the site; what it made so far stays there."""
        self._retry()(self._connection.abort, self._url)
        return self.refresh()

    @property
    def _url(self) -> str:
        if self.record.job.url is None:
            raise UsageError(f"run '{self.id}' was never submitted to its end; `esd-deploy attach {self.id}` completes it")
        return self.record.job.url

    def _seen(self, state: JobState) -> None:
        self._keep(self.record.with_state(state))
        text = f"{self.id}: {state.status}" + (f" ({state.message})" if state.message else "")
        self._display.step(text)

    def _keep(self, record: RunRecord) -> None:
        self.record = record
        record.save(self.folder)

    def _staged_names(self) -> Iterable[str]:
        return staged(self.record.script.name)

    def _staged(self) -> dict[str, bytes]:
        try:
            return {path: (self.folder / path).read_bytes() for path in self._staged_names()}
        except OSError as error:
            raise ToolError(
                f"{error.filename}: {error.strerror}; without it run '{self.id}' cannot be submitted, start a new one"
            ) from error

    def _retry(self, give_up_s: float = 120) -> Retrying:
        return submission.patiently(self._sleep, give_up_s=give_up_s, notice=self._display.step)
