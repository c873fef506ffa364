"""How a run ended, judged from the words of the site, the batch system and the job's own files. Pure; the first that knows decides."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from esd_deploy.backends.connection import SUCCESSFUL, JobState

Kind = Literal[
    "succeeded",
    "failed",
    "time limit",
    "out of memory",
    "node failure",
    "cancelled",
    "image not pulled",
    "packages missing",
    "wire-up failed",
    "crash at start",
    "killed",
    "not submitted",
    "predecessor failed",
    "post-processing failed",
    "unknown",
]
POST_FAILED: Kind = "post-processing failed"


@dataclass(frozen=True)
class Ending:
    """The kind of ending, and the words that show it."""

    kind: Kind
    because: str


def advice(kind: str) -> str:
    """What the user can do next; empty if the run's own output says it."""
    return _ADVICE.get(kind, "")


_ADVICE: Mapping[str, str] = {
    "time limit": "request more time with --time, or shorten the simulation",
    "out of memory": "use more nodes (--nodes), fewer ranks on each (--tasks-per-node), or a smaller network",
    "node failure": "the program did not fail: `esd-deploy rerun` starts it again",
    "cancelled": "the user or an administrator ended it",
    "packages missing": "`esd-deploy rerun` installs them again",
    "crash at start": "the cause is neither the program nor the site's file: `esd-deploy rerun` starts it again",
    "killed": "the most frequent cause of signal 9 is memory: use more nodes (--nodes) or fewer ranks on each (--tasks-per-node)",
    "not submitted": "the batch system refused the job: see its message",
    "post-processing failed": "the program's results are kept: the script can be run on them again in the run's folder, "
    "where esd/post.stdout and esd/post.stderr hold what it printed, if it ran",
    "predecessor failed": "`after` in run.json names the runs before it; once these have succeeded, `esd-deploy rerun` starts it again",
}
# Slurm's words in `scontrol show job` and `sacct` (squeue(1), JOB STATE CODES).
_STATES: Mapping[str, Kind] = {
    "TIMEOUT": "time limit",
    "DEADLINE": "time limit",
    "OUT_OF_MEMORY": "out of memory",
    "NODE_FAIL": "node failure",
    "BOOT_FAIL": "node failure",
    "CANCELLED": "cancelled",
    "PREEMPTED": "cancelled",
    "REVOKED": "cancelled",
}
# What slurmstepd, slurmctld, srun and the kernel write to standard error.
_TEXTS: tuple[tuple[str, Kind], ...] = (
    (r"DUE TO TIME LIMIT", "time limit"),
    (r"DUE TO NODE FAILURE|Node failure on", "node failure"),
    (r"oom[-_ ]kill|Out Of Memory|OUT_OF_MEMORY|StdMemory|exceeded memory limit", "out of memory"),
    (r"CANCELLED AT|Force Terminated job", "cancelled"),
)
# What UNICORE and Slurm say about a job that they refuse.
_NOT_TAKEN = re.compile(
    r"could not submit|submission failed|sbatch: error|job description is invalid|no such (queue|partition|project)|out of range|"
    r"invalid (partition|account|qos|time limit)|requested (node configuration|time limit|partition)|job violates|batch job submission",
    re.IGNORECASE,
)
_OWN: tuple[tuple[str, Kind], ...] = (
    (r"^pull on ", "image not pulled"),
    (r"^packages on ", "packages missing"),
    (r"^submit on .*sbatch: error", "not submitted"),
    (r"^job on .*wire-up", "wire-up failed"),
    (r"^job on .*MPI crashed at its start", "crash at start"),
)


def ending(state: JobState, details: Mapping[str, str], *, stderr: str = "", own: str = "") -> Ending:
    """`details`: what the batch system says; `stderr`: the job's; `own`: the content of its `esd/failure.txt`."""
    if state.status == SUCCESSFUL and state.exit_code == 0:
        return Ending("succeeded", "exit code 0")
    return (
        _by_text(own, _OWN, "the job's own scripts")
        or _by_batch_state(details)
        or _by_message(state)
        or _by_text(_but_srun_ended(stderr), _TEXTS, "standard error")
        or _by_code(state)
    )


def after_post(told: Ending, script: str, exit_code: int | None) -> Ending:
    """How a run ended that had post-processing to do after its program; `exit_code` is None where that did not run."""
    if told.kind != "succeeded" or exit_code == 0:
        return told
    how = "did not run: the site ran no postcommand" if exit_code is None else f"exit code {exit_code}"
    return Ending(POST_FAILED, f"the program ended with 0, {script}: {how}")


def batch_details(text: str) -> dict[str, str]:
    """The output of `scontrol show job --oneliner` as a batch job's details; empty if it printed none."""
    return dict(re.findall(r"(?:^|\s)([A-Za-z]\w*)=(\S*)", text))


def ended_early(details: Mapping[str, str]) -> str | None:
    """The batch system's word if it ended the job, so that no exit code follows; None if the program ended by itself."""
    word = _batch_state(details)
    return word if word in _STATES else None


def _batch_state(details: Mapping[str, str]) -> str:
    return (details.get("JobState") or details.get("State") or "").partition(" ")[0].rstrip("+")


def _by_batch_state(details: Mapping[str, str]) -> Ending | None:
    word = _batch_state(details)
    reason = details.get("Reason", "")
    kind = "predecessor failed" if reason == "DependencyNeverSatisfied" else _STATES.get(word)
    return Ending(kind, f"batch system: {word}" + (f", {reason}" if reason not in {"", "None"} else "")) if kind else None


def _by_message(state: JobState) -> Ending | None:
    if "aborted" in state.message.lower():
        return Ending("cancelled", f"site: {state.message}")
    said = "\n".join((state.message, *state.log))
    if _NOT_TAKEN.search(said) and state.exit_code is None:
        return Ending("not submitted", f"site: {state.message}")
    return Ending("image not pulled", f"site: {state.message}") if re.search(r"Pre-?command", state.message) else None


def _by_text(text: str, known: tuple[tuple[str, Kind], ...], where: str) -> Ending | None:
    for pattern, kind in known:
        found = re.search(rf"(?m)^.*{pattern.lstrip('^')}.*$" if not pattern.startswith("^") else rf"(?m){pattern}.*$", text)
        if found:
            return Ending(kind, f"{where}: {found[0].strip()[:300]}")
    return None


def _but_srun_ended(stderr: str) -> str:
    """Without Slurm's words of a step that srun itself ended because a rank died: nobody cancelled the run."""
    if not re.search(r"(?m)^srun: .*Terminating (StepId|job step)", stderr):
        return stderr
    return re.sub(r"(?m)^.*\*\*\* STEP \S+ ON \S+ CANCELLED AT \S+ \*\*\*$", "", stderr)


def _by_code(state: JobState) -> Ending:
    if state.exit_code in {9, 137}:
        return Ending("killed", f"exit code {state.exit_code}: ended by signal 9")
    if state.exit_code:
        return Ending("failed", f"exit code {state.exit_code}")
    return Ending("unknown", state.message or "the site gives no reason")
