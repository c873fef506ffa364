"""The batch system of the site: Slurm's commands, or local processes where there is no Slurm."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from esd_localsite.files.processes import Account, Launcher, Process
from esd_localsite.jobs.life import Batch

_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_KILLED = {"TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "BOOT_FAIL", "DEADLINE", "REVOKED"}
_ENDED = {"COMPLETED", "FAILED"}
GONE = "GONE"
"""The word for a job that the batch system no longer knows."""

_DETAIL = re.compile(r"(?:^|\s)([A-Z][\w/:]*)=(.*?)(?=\s+[A-Z][\w/:]*=|\s*$)")


class BatchError(Exception):
    """The batch system did not take an order or did not answer; the message is its own."""


@dataclass(frozen=True)
class Submission:
    """What is to be handed over: a script in a job's directory."""

    account: Account
    job_id: str
    script: str
    directory: Path
    stdout: str
    stderr: str


class BatchSystem(Protocol):
    """What the engine needs of a batch system. Everything raises BatchError where the system does not answer."""

    @property
    def note(self) -> str:
        """What a client should know of it; empty for the real thing."""
        ...

    @property
    def allocates(self) -> bool:
        """Whether nodes can be had without a script."""
        ...

    def submit(self, submission: Submission) -> str:
        """Hand a script over; returns the batch system's id of the job."""
        ...

    def find(self, job_id: str) -> str | None:
        """The batch id of a job that may have been submitted."""
        ...

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        """The batch system's word for the state of each of these jobs."""
        ...

    def details(self, batch_id: str) -> dict[str, str]:
        """All that the batch system says of a job; empty once it forgot it."""
        ...

    def cancel(self, batch_id: str) -> None:
        """End a job; harmless where it ended already."""
        ...


def batch_state(word: str) -> Batch:
    """The meaning of a Slurm state. A state not known here is taken as running: it will change.

    So is COMPLETING: only what follows it tells a program's own end from a time limit.
    """
    if word in _WAITING:
        return Batch.WAITING
    if word in _KILLED:
        return Batch.KILLED
    return Batch.ENDED if word in _ENDED or word == GONE else Batch.RUNNING


def parse_queue(text: str) -> dict[str, tuple[str, str]]:
    """Batch id → (state, comment) of `squeue -h -o '%i|%T|%k'`."""
    rows = (line.strip().split("|", 2) for line in text.splitlines() if line.count("|") >= 2)
    return {batch_id: (state, comment) for batch_id, state, comment in rows}


def parse_details(text: str) -> dict[str, str]:
    """The `Key=Value`s of `scontrol --oneliner show job`."""
    return {match[1]: match[2] for match in _DETAIL.finditer(text.strip())}


@dataclass(frozen=True)
class Slurm:
    """Slurm through its commands: jobs are handed over by their user, all else is asked by the endpoint's own account."""

    operator: Account
    environment: Mapping[str, str]
    timeout: float
    note: str = ""
    allocates: bool = True

    def submit(self, submission: Submission) -> str:
        options = (f"--comment={submission.job_id}", f"--chdir={submission.directory}")
        argv = ("sbatch", "--parsable", *options, submission.script)
        return self._run(*argv, cwd=submission.directory, account=submission.account).strip().split(";")[0]

    def find(self, job_id: str) -> str | None:
        found = [batch_id for batch_id, (_, comment) in self._queue().items() if comment == job_id]
        return max(found, key=lambda batch_id: (len(batch_id), batch_id), default=None)  # a restarted job has several: the last one counts

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        queue = self._queue()
        return {batch_id: queue.get(batch_id, (GONE, ""))[0] for batch_id in batch_ids}

    def details(self, batch_id: str) -> dict[str, str]:
        try:
            return parse_details(self._run("scontrol", "--oneliner", "show", "job", batch_id))
        except BatchError as error:
            if "Invalid job id" in str(error):
                return {}
            raise

    def cancel(self, batch_id: str) -> None:
        self._run("scancel", "--quiet", batch_id)

    def _queue(self) -> dict[str, tuple[str, str]]:
        return parse_queue(self._run("squeue", "--noheader", "--states=all", "--format=%i|%T|%k"))

    def _run(self, *argv: str, cwd: Path = Path("/"), account: Account | None = None) -> str:
        try:
            done = (account or self.operator).run(argv, environment=self.environment, cwd=cwd, timeout=self.timeout)
        except subprocess.TimeoutExpired as error:
            raise BatchError(f"{argv[0]} gave no answer in {self.timeout:g} s") from error
        except OSError as error:
            raise BatchError(f"{argv[0]} cannot be run: {error.strerror}") from error
        if done.returncode != 0:
            raise BatchError(done.stderr.strip() or f"{argv[0]} exited with code {done.returncode}")
        return done.stdout


@dataclass(frozen=True)
class LocalProcesses:
    """Batch scripts as processes of this machine: for tests, without Slurm. The batch id is the process."""

    launcher: Launcher
    environment: Mapping[str, str]
    kill_seconds: float
    note: str = "No batch system: batch scripts run as local processes, at once, on one node; resources and time limits are not enforced."
    allocates: bool = False

    def submit(self, submission: Submission) -> str:
        redirected = ("bash", "-c", 'exec bash "$0" >"$1" 2>"$2"', submission.script, submission.stdout, submission.stderr)
        try:
            return str(self.launcher.start(submission.account, redirected, environment=self.environment, cwd=submission.directory))
        except OSError as error:
            raise BatchError(f"cannot start the batch script: {error.strerror}") from error

    def find(self, job_id: str) -> str | None:  # noqa: ARG002 - a process bears no mark of its job
        return None

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        return {batch_id: "RUNNING" if Process.parse(batch_id).is_alive else GONE for batch_id in batch_ids}

    def details(self, batch_id: str) -> dict[str, str]:
        return {"JobId": batch_id, "JobState": self.words([batch_id])[batch_id]}

    def cancel(self, batch_id: str) -> None:
        Process.parse(batch_id).stop(self.kill_seconds)
