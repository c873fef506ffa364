"""A live run: its record, its folder, and its site."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenacity import Retrying, nap

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.answers import gathered
from esd_build.net.patience import ANSWER_S
from esd_deploy.backends.connection import ENDED, READY, Connection, EndedError, GoneError, JobState, Passage
from esd_deploy.display import tables
from esd_deploy.display.progress import Display, Silent
from esd_deploy.fetching.folder import retire
from esd_deploy.plans import paths
from esd_deploy.plans.job import BATCH_DETAILS
from esd_deploy.records import outcome, reports
from esd_deploy.records.ending import after_post, batch_details, ended_early, ending
from esd_deploy.records.lock import HeldError, alone
from esd_deploy.records.record import RunRecord, load
from esd_deploy.records.record_parts import EndingRecord
from esd_deploy.records.shared import amended
from esd_deploy.records.staging import staged
from esd_deploy.runs import aio, results, submission
from esd_deploy.runs.claims import Claims, Look, look_at
from esd_deploy.runs.following import follow
from esd_deploy.runs.patience import REFUSED_S, WAIT_S, Sleep, patiently
from esd_deploy.sites.config import SiteConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOCK = ".lock"
_TAIL_BYTES = 64 * 1024
_LONGEST_OUTPUT = 256 * 1024**2
"""Most bytes of a job's output that are shown at once."""
_KEPT_DETAILS = 40


class Run:
    """A run with its folder, which has the layout of the job's folder and holds the record `run.json`.

    Each step saves the record, the first one before the job exists. So a new Run can continue where another one died.
    """

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        connection: Connection,
        *,
        poll_s: float,
        display: Display | None = None,
        sleep: Sleep = nap.sleep,
        site: SiteConfig | None = None,
    ) -> None:
        self.record = record
        self.folder = folder
        self._connection = connection
        self._poll_s = poll_s
        self._display = display or Silent()
        self._sleep = sleep
        self._site = site
        self._claims = Claims(connection, self._look(site) if site and site.login_node else None)
        self._refused_s = 0.0
        self._started = False

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def poll_s(self) -> float:
        """Seconds between two questions, at most."""
        return self._poll_s

    def sibling(self, record: RunRecord, folder: Path) -> "Run":
        """Another run at the same site, over the same connection."""
        return Run(record, folder, self._connection, poll_s=self._poll_s, display=self._display, sleep=self._sleep, site=self._site)

    def submit(self) -> None:
        """Create the run's job unless it exists, send its files, start it. Raises ToolError if the site refuses or stays silent."""
        self._display.step(f"{self.id}: submitting to {self.record.site}")
        with self._alone():
            self.record = load(self.folder.parent, self.folder.name)  # another client may have come further
            url = self.record.job.url or submission.create(self._connection, self.record.job.description, self.id, self._retry())
            self._keep(self.record.with_job(url))
            try:
                submission.stage(self._connection, url, staged(self.record, self.folder, self._display.progress), self._retry())
            except EndedError as error:
                self._seen(error.state)
                self._display.step(f"{self.id}: {self.record.site} could not start the job: {error.state.message}")
                return
        self._started = True
        self._display.step(f"{self.id}: submitted to {self.record.site}, job {url}")

    def resume(self) -> None:
        """Complete an interrupted submission; does nothing for a job that has begun."""
        if self.record.job.url is None or self._retry()(self._connection.state, self.record.job.url).status == READY:
            self.submit()

    def wait(self) -> RunRecord:
        """Follow the job to its end and fetch its results. A failed job does not raise: see `record.succeeded`."""
        self._refused_s = REFUSED_S  # the site accepted the caller before
        retry = self._retry(WAIT_S)
        for state in follow(self._claims, self._url, poll_s=self._poll_s, retry=retry, sleep=self._sleep, unchanged=self._look_behind):
            self._seen(state)
        return self.finish()

    async def wait_async(self) -> RunRecord:
        """Like `wait`, for code that has other work meanwhile."""
        return await aio.wait(self)

    def finish(self) -> RunRecord:
        """After the job's end: keep what the batch system says (it forgets a job within minutes), fetch the results, judge the ending."""
        with suppress(ToolError):
            self._keep_details(self._retry()(self._connection.details, self._url))
        self.fetch()
        return self.concluded()

    def refresh(self) -> RunRecord:
        """Ask the site once and return the updated record."""
        self._seen(self._retry()(self._claims.state, self._url))
        return self.record

    def fetch(self) -> RunRecord:
        """Fetch the results and complete the record with what the job reported."""
        script, ended = self.record.script, self.record.ended
        sent = {script.name: script.sha256, **script.inputs}
        # One client at a time: a second client finds all files here and checks them.
        with alone(self.folder / LOCK, wait=True, notice=self._display.step, sleep=self._sleep):
            self._display.step(f"{self.id}: fetching the results")
            where = (self._connection, self._url, self.folder, self.record.staged, self._retry())
            fetched = results.fetch(*where, sent=sent, ended=ended, notice=self._display.progress)
            for path in retire(self.folder, results.outdated(self.record.files, fetched)):
                self._display.step(f"{self.id}: {path} is no longer in the job's folder; the earlier copy now has the ending .earlier")
        self._keep(self.record.model_copy(update={"files": fetched.files, "missing": fetched.missing}))
        self._keep(reports.understood(self.record, self.folder))
        return self.record

    def concluded(self) -> RunRecord:
        """Judge how an ended job ended, and remove second jobs of this run at the site. Returns the record."""
        if self.record.status not in ENDED:
            return self.record
        retry = self._retry()
        with suppress(ToolError):
            # If the job itself called sbatch, the server does not know the batch job; the job noted its details.
            told_here = batch_details(self._tail(BATCH_DETAILS)) or self.record.job.details
            self._keep_details(told_here or retry(self._connection.details, self._url))
        with suppress(ToolError):
            for other in submission.surplus(self._connection, self.id, self._url, retry):
                self._display.step(f"{self.id}: the site has a second job of this run: {other}")
        told = ending(_state(self.record), self.record.job.details, stderr=self._tail("stderr"), own=self._tail("esd/failure.txt"))
        if self.record.post:
            told = after_post(told, self.record.post.script, self.record.post.exit_code)
        self._keep(self.record.model_copy(update={"ending": EndingRecord.of(told)}))
        return self.record

    def output(self, stream: str, start: int = 0) -> bytes:
        """What the job has printed so far (`stream`: stdout or stderr), from byte `start` on; empty if it has printed nothing.

        Reads the fetched file if the run has ended.
        """
        if self.record.ended and any(one.path == stream for one in self.record.files):
            return paths.read(self.folder, stream, _LONGEST_OUTPUT)[start:]
        known = min(start, 1)  # one byte that exists: servers refuse a range behind the end (416)
        with suppress(GoneError), self._connection.read(self._url, stream, start - known) as pieces:
            return gathered(pieces, f"{self._url}: {stream}", _LONGEST_OUTPUT)[known:]
        return b""

    def peek(self, path: str, most: int) -> bytes | None:
        """A small file of the job's folder as it is now; None if there is none yet. Raises ToolError for more than `most` bytes."""
        with suppress(GoneError), self._connection.read(self._url, path) as pieces:
            return gathered(pieces, f"{self._url}: {path}", most)
        return None

    def put(self, path: str, content: bytes) -> None:
        """Send one more file to a job that runs. Raises EndedError if it has ended."""
        self._retry()(self._connection.upload, self._url, path, content)

    def batch_jobs(self) -> Sequence[str]:
        """The numbers of its batch jobs that wait or run, oldest first; asked by a small job on the login node. One of them works."""
        if self._site is None:
            raise AssertionError("only a run at a known site looks for its batch jobs")
        return sorted(self._look(self._site)("look"), key=int)

    def cancel(self) -> RunRecord:
        """End the job at the site; its files stay there. Raises UsageError if the job belongs to another run."""
        retry = self._retry()
        self._require_own()
        self._claims.declare_over(self._url)
        retry(self._connection.abort, self._url)
        retry(self._claims.cancel, self._url)
        return self.refresh()

    def _look(self, site: SiteConfig) -> Look:
        """Asks by the names of the run's batch jobs; finds none at a site where a user cannot ask."""

        def look(action: str) -> Sequence[str]:
            names = self._connection.batch_names(self.record.job.description, self._url)
            return look_at(self._connection, site, names, self._sleep)(action) if names else ()

        return look

    def _look_behind(self) -> None:
        """Whether the batch system has already ended a job that runs for a while: UNICORE believes it only two minutes later."""
        if self.record.status == READY:
            self._start_again()
            return
        if ended_early(self.record.job.details):
            return
        with suppress(ToolError):
            found = self._connection.details(self._url)
            word = ended_early(found)
            if word:
                self._keep_details(found)
                late = "UNICORE waits two minutes for the exit code"
                self._display.step(f"{self.id}: the batch system has ended the job ({word}); {late}")

    def _start_again(self) -> None:
        """Start the job again: a UNICORE/X that dies right after the request to start forgets it, and the job would wait for ever."""
        if self._started:
            self._display.step(f"{self.id}: the site has not begun the job; starting it again")
            self._retry()(self._connection.start, self._url)

    def _keep_details(self, details: Mapping[str, str]) -> None:
        """Keep the batch system's newest details; empty ones, of a job that it has forgotten, change nothing."""
        if details:
            self._keep(self.record.with_details(dict(list(details.items())[:_KEPT_DETAILS])))

    @property
    def stdout(self) -> str:
        """What the job has printed so far, as text."""
        return self.output("stdout").decode(errors="replace")

    @property
    def stderr(self) -> str:
        """What the job has printed to its standard error so far, as text."""
        return self.output("stderr").decode(errors="replace")

    def plot(self, files: Sequence[str] | None = None, *, bin_ms: float = 5.0) -> "Figure":
        """A figure of the spikes among the fetched files: raster and mean rates (1/s, in bins of `bin_ms`), over the time in ms.

        `files`: only these, by their paths in the run's folder. Opens no window; a notebook shows it, `savefig` writes it. Reads Neo's
        `.nix` and the `.dat` of NEST's recording backend `ascii`. Raises UsageError if there are no spikes.
        """
        from esd_deploy.display import spikes  # noqa: PLC0415 - matplotlib takes half a second, which only a figure needs

        known = [one.path for one in self.record.files] if files is None else files
        return spikes.draw(
            spikes.read(self.folder, known), f"{self.record.script.name} at {self.record.site}, run {self.id}", bin_ms=bin_ms
        )

    def __repr__(self) -> str:
        code = "" if self.record.exit_code is None else f", exit code {self.record.exit_code}"
        return f"<Run {self.id} at {self.record.site}: {self.record.status}{code}>"

    def _repr_html_(self) -> str:
        return tables.table(f"run {self.id}: {self.record.script.name}", outcome.rows(self.record))

    def passage(self, host: str, port: int) -> Passage:
        """An open connection to a port that the site's login node reaches. Raises ToolError and UsageError, and repeats nothing."""
        return self._connection.passage(self._url, host, port)

    def first_node(self) -> str | None:
        """The node on which the job's script runs, as the batch system tells; None if it does not."""
        return self._retry()(self._connection.details, self._url).get("BatchHost")

    def delete(self) -> None:
        """Remove the job and its folder at the site; the run's folder here stays. Raises UsageError if the job belongs to another run."""
        with suppress(GoneError):
            self._require_own()
        self._retry()(self._connection.delete, self._url)

    def _require_own(self) -> None:
        """Raises UsageError unless the job has the run's id as a tag: a record from elsewhere can name any job of the caller."""
        tags = self._retry()(self._connection.state, self._url).tags
        if self.id not in tags:
            raise UsageError(
                f"{self._url} is not the job of run '{self.id}' (its tags: {', '.join(sorted(tags)) or 'none'}); nothing was changed there"
            )

    @property
    def _url(self) -> str:
        if self.record.job.url is None:
            raise UsageError(f"the submission of run '{self.id}' was interrupted; `esd-deploy attach {self.id}` completes it")
        return self.record.job.url

    def _seen(self, state: JobState) -> None:
        before = self.record
        self._keep(before.with_state(state))
        if (state.status, state.message) != (before.status, before.message):
            self._display.step(f"{self.id}: {state.status}" + (f" ({state.message})" if state.message else ""))

    def _keep(self, record: RunRecord) -> None:
        if record != self.record:
            self.record = amended(self.folder, self.record, record)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the run's lock: two clients that submit the same run at once would make two jobs."""
        try:
            with alone(self.folder / LOCK, notice=self._display.step):
                yield
        except HeldError as error:
            raise UsageError(f"another esd-deploy is submitting run '{self.id}'; `esd-deploy attach {self.id}` later") from error

    def _tail(self, path: str) -> str:
        place = paths.inside(self.folder, path)
        if not place.is_file():
            return ""
        with paths.opened(self.folder, path) as file:
            file.seek(max(0, place.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", errors="replace")

    def _retry(self, give_up_s: float = ANSWER_S) -> Retrying:
        return patiently(self._sleep, give_up_s=give_up_s, refused_s=self._refused_s, notice=self._display.step)


def _state(record: RunRecord) -> JobState:
    return JobState(record.status, record.message, record.exit_code, record.log)


def cancelled(run: Run, then: str) -> str:
    """End a run unless it has ended, and say what state it was in; `then`: how its results are fetched. Raises what `Run.cancel` raises."""
    before = (run.record if run.record.ended else run.refresh()).status
    if run.record.ended:
        return f"had ended already ({before}); nothing to do"
    after = run.cancel().status
    return f"cancelled at {run.record.site} (was {before}, is {after}); {then}"
