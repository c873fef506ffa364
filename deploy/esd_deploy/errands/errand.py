"""Small jobs that answer a question about a site: one shell script, its output, and nothing left behind."""

import importlib.resources
import secrets
from dataclasses import dataclass

from tenacity import Retrying, nap

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import Connection
from esd_deploy.plans.launch import activate
from esd_deploy.plans.plan import JobDescription
from esd_deploy.runs import submission
from esd_deploy.runs.following import follow
from esd_deploy.sites.config import SiteConfig

_SCRIPT = "errand.sh"


@dataclass(frozen=True)
class Errand:
    """A script with its parameters (by environment); on a login node, or in a batch job with these resources."""

    script: bytes
    environment: tuple[tuple[str, str], ...] = ()
    resources: tuple[tuple[str, str], ...] | None = None
    files: tuple[tuple[str, bytes], ...] = ()

    def description(self, tag: str) -> JobDescription:
        """The job that runs it. Pure."""
        return {
            "Name": "esderrand",
            "Tags": [tag],
            "Executable": "bash",
            "Arguments": [_SCRIPT],
            "Environment": dict(self.environment),
            **({"Job type": "ON_LOGIN_NODE"} if self.resources is None else {"Resources": dict(self.resources)}),
            "haveClientStageIn": "true",
        }


def of(name: str, config: SiteConfig, environment: tuple[tuple[str, str], ...], *sourced: str) -> Errand:
    """One of the scripts in job/, with the site's scratch folder known; `sourced` are those that it reads."""
    own = importlib.resources.files("esd_deploy") / "job"
    script = (own / name).read_bytes()
    lines = "".join(f"{line}\n" for line in activate(config)).encode()
    return Errand(
        lines + script,
        (("ESD_SCRATCH_VARIABLE", config.scratch), *environment),
        files=tuple((f"esd/{one}", (own / one).read_bytes()) for one in sourced),
    )


@dataclass(frozen=True)
class Answer:
    """What the script printed, and its exit code."""

    exit_code: int
    stdout: str
    stderr: str


def run(connection: Connection, errand: Errand, *, poll_s: float = 1, sleep: submission.Sleep = nap.sleep) -> Answer:
    """Run it to its end. Raises ToolError where the site does not; the job is removed in any case."""
    tag = f"esd-errand-{secrets.token_hex(8)}"
    retry = submission.patiently(sleep)
    job = submission.create(connection, errand.description(tag), tag, retry)
    try:
        submission.stage(connection, job, {_SCRIPT: errand.script, **dict(errand.files)}, retry)
        state = list(follow(connection, job, poll_s=poll_s, retry=retry, sleep=sleep))[-1]
        out, errors = (_text(connection, job, name, retry) for name in ("stdout", "stderr"))
    finally:
        retry(connection.delete, job)
    if state.exit_code is None:
        raise ToolError(f"the site did not run a small script: {state.message or state.status}\n{errors}")
    return Answer(state.exit_code, out, errors)


def _text(connection: Connection, job: str, name: str, retry: Retrying) -> str:
    def read() -> str:
        with connection.read(job, name) as pieces:
            return b"".join(pieces).decode("utf-8", errors="replace")

    return retry(read)
