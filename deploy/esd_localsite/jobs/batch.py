"""The batch system of the site: Slurm's commands, or local processes where there is no Slurm."""

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from esd_localsite.files.processes import Account, Launcher, Process
from esd_localsite.records.life import Batch

_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
_ENDED = {"COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "REVOKED"}
GONE = "GONE"
"""The state of a job that the batch system no longer knows."""

_UNKNOWN = "Invalid job id"
_ID = re.compile(r"\d{1,10}([_+]\d{1,10})?")
_PART = r"(?:[_+]\S{1,60})?"
"""What squeue adds to the id of a job of several parts: `_4` or `_[5-9]` for tasks of an array, `+1` for a heterogeneous component."""
_ROW = re.compile(rf"(\d{{1,10}}){_PART}\|([A-Z_]{{1,40}})")
_DETAIL = re.compile(r"(?:^|\s)([A-Z][\w/:]*)=(.*?)(?=\s+[A-Z][\w/:]*=|\s*$)")


class BatchError(Exception):
    """The batch system refused a command or did not answer; the message is its own."""


@dataclass(frozen=True)
class Submission:
    """What is submitted: a script in a job's directory."""

    account: Account
    job_id: str
    script: str
    directory: Path
    stdout: str
    stderr: str


class BatchSystem(Protocol):
    """What the engine needs from a batch system. All methods raise BatchError if the system does not answer."""

    @property
    def note(self) -> str:
        """What a client should know about it; empty for a real batch system."""
        ...

    @property
    def allocates(self) -> bool:
        """Whether the batch system gives nodes without a script."""
        ...

    def submit(self, submission: Submission) -> str:
        """Submit a script; returns the batch system's id of the job."""
        ...

    def find(self, job_id: str, owner: Account) -> str | None:
        """The batch id of a job of this account that may have been submitted."""
        ...

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        """The batch system's state of each of these jobs."""
        ...

    def details(self, batch_id: str, owner: Account) -> dict[str, str]:
        """Everything that the batch system tells the owner about a job; empty once the job is forgotten."""
        ...

    def cancel(self, batch_id: str, owner: Account) -> None:
        """End a job with the rights of its owner only; does nothing if it has ended."""
        ...


def batch_state(word: str) -> Batch:
    """The meaning of a Slurm state. An unknown state counts as running: it will change.

    So does COMPLETING: only the state after it tells a normal end from a time limit.
    """
    if word in _WAITING:
        return Batch.WAITING
    return Batch.ENDED if word in _ENDED or word == GONE else Batch.RUNNING


def parse_queue(text: str) -> dict[str, str]:
    """Batch id → state, of `squeue -h -o '%i|%T'`: it asks for no text that users choose, so no user can forge a line.

    The components of a heterogeneous job and the tasks of an array have a line each. Their job has the state of the part that is
    furthest from its end: it runs while one of them runs. UNICORE's TSI joins them in the same way.
    """
    states: dict[str, str] = {}
    for match in map(_ROW.fullmatch, text.splitlines()):
        if match:
            states[match[1]] = max(states.get(match[1], match[2]), match[2], key=_liveliness)
    return states


def _liveliness(word: str) -> int:
    return (Batch.ENDED, Batch.WAITING, Batch.RUNNING).index(batch_state(word))


def candidates(text: str, comment: str) -> tuple[str, ...]:
    """The batch ids that `squeue -h -o '%i|%k'` seems to give for a comment, newest first. Comments may contain such lines, too."""
    wanted = re.compile(rf"(\d{{1,10}}){_PART}\|{re.escape(comment)}")
    return tuple(sorted({match[1] for match in map(wanted.fullmatch, text.splitlines()) if match}, key=int, reverse=True))


def parse_details(text: str) -> dict[str, str]:
    """The `Key=Value`s of `scontrol --oneliner show job`."""
    return {match[1]: match[2] for match in _DETAIL.finditer(text.strip())}


@dataclass(frozen=True)
class Slurm:
    """Slurm through its commands. The job's account runs them; the endpoint itself asks for the states of the queue."""

    operator: Account
    environment: Mapping[str, str]
    timeout: float
    note: str = ""
    allocates: bool = True

    def submit(self, submission: Submission) -> str:
        options = (f"--comment={submission.job_id}", f"--chdir={submission.directory}")
        argv = ("sbatch", "--parsable", *options, submission.script)
        return _checked(self._run(*argv, cwd=submission.directory, account=submission.account).strip().split(";")[0])

    def find(self, job_id: str, owner: Account) -> str | None:
        """The newest of the owner's jobs with this comment: a restarted job has several. Each candidate is then checked by itself."""
        ask = ("squeue", "--noheader", "--states=all", f"--user={owner.name}")
        for batch_id in candidates(self._run(*ask, "--format=%i|%k", account=owner), job_id):
            if self._comment(batch_id, ask, owner) == f"{job_id}\n":
                return batch_id
        return None

    def _comment(self, batch_id: str, ask: tuple[str, ...], owner: Account) -> str:
        """The whole comment of one job; empty if the job does not exist and only another job's comment names it."""
        try:
            return self._run(*ask, f"--jobs={batch_id}", "--format=%k", account=owner)
        except BatchError as error:
            if _UNKNOWN in str(error):
                return ""
            raise

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        queue = parse_queue(self._run("squeue", "--noheader", "--format=%i|%T"))  # jobs that have ended are not in it
        return {batch_id: queue.get(batch_id, GONE) for batch_id in batch_ids}

    def details(self, batch_id: str, owner: Account) -> dict[str, str]:
        try:
            return parse_details(self._run("scontrol", "--oneliner", "show", "job", _checked(batch_id), account=owner))
        except BatchError as error:
            if _UNKNOWN in str(error):
                return {}
            raise

    def cancel(self, batch_id: str, owner: Account) -> None:
        self._run("scancel", "--quiet", f"--user={owner.name}", _checked(batch_id), account=owner)

    def _run(self, *argv: str, cwd: Path = Path("/"), account: Account | None = None) -> str:
        try:
            done = (account or self.operator).run(argv, environment=self.environment, cwd=cwd, timeout=self.timeout)
        except subprocess.TimeoutExpired as error:
            raise BatchError(f"{argv[0]} gave no answer in {self.timeout:g} s") from error
        except OSError as error:
            raise BatchError(f"cannot run {argv[0]}: {error.strerror}") from error
        if done.returncode != 0:
            raise BatchError(done.stderr.strip() or f"{argv[0]} exited with code {done.returncode}")
        return done.stdout


def _checked(batch_id: str) -> str:
    """Raises BatchError if this is not a job id: Slurm would take it for an option, or for several jobs."""
    if not _ID.fullmatch(batch_id):
        raise BatchError(f"'{batch_id[:40]!a}' is no id of a batch job")
    return batch_id


@dataclass(frozen=True)
class LocalProcesses:
    """Runs batch scripts as processes of this machine: for tests, without Slurm. The batch id names the process."""

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

    def find(self, job_id: str, owner: Account) -> str | None:  # noqa: ARG002 - a process bears no mark of its job
        return None

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        return {batch_id: "RUNNING" if Process.parse(batch_id).is_alive else GONE for batch_id in batch_ids}

    def details(self, batch_id: str, owner: Account) -> dict[str, str]:  # noqa: ARG002 - a process is asked by its number
        return {"JobId": batch_id, "JobState": self.words([batch_id])[batch_id]}

    def cancel(self, batch_id: str, owner: Account) -> None:  # noqa: ARG002 - as above
        Process.parse(batch_id).stop(self.kill_seconds)
