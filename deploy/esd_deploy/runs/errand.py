"""Runs a small job: one shell script at a site. Returns its output and leaves nothing behind."""

from dataclasses import dataclass

from tenacity import Retrying, nap

from esd_build.data.errors import ToolError
from esd_build.net.answers import gathered
from esd_deploy.backends.connection import Connection, JobState
from esd_deploy.plans.job import JobSpec
from esd_deploy.records.ending import ending
from esd_deploy.runs import submission
from esd_deploy.runs.following import follow
from esd_deploy.runs.patience import Sleep, patiently

_MOST_PRINTED = 16 * 1024**2
"""Most bytes of each stream; a small script prints less."""


@dataclass(frozen=True)
class Answer:
    """What the script printed, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


def run(connection: Connection, spec: JobSpec, *, sleep: Sleep = nap.sleep) -> Answer:
    """Run the script to its end, then remove the job. Raises ToolError if the site does not run it."""
    made, tag = connection.script_job(spec), spec.tags[0]
    retry = patiently(sleep)
    job = submission.create(connection, made.description, tag, retry)
    try:
        submission.stage(connection, job, made.files, retry)
        state = list(follow(connection, job, poll_s=spec.site.poll_s, retry=retry, sleep=sleep))[-1]
        out, errors = (_text(connection, job, name, retry) for name in ("stdout", "stderr"))
    finally:
        retry(connection.delete, job)
    if state.exit_code is None:
        raise ToolError(f"{_why(state, spec)}: {state.message or state.status}\n{errors}")
    return Answer(state.exit_code, out, errors)


def _why(state: JobState, spec: JobSpec) -> str:
    """A batch system that refuses a job is told from a job that was lost: only the first is the site file's matter."""
    if ending(state, {}).kind == "not submitted":
        place = f"partition {spec.site.partition}, account {spec.site.account}"
        return f"the batch system of {spec.site.name} did not take a small job ({place})"
    return "the site did not run a small script"


def _text(connection: Connection, job: str, name: str, retry: Retrying) -> str:
    def read() -> str:
        with connection.read(job, name) as pieces:
            return gathered(pieces, f"{job}: {name}", _MOST_PRINTED).decode("utf-8", errors="replace")

    return retry(read)
