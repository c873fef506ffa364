"""The output of a validation's steps, which the judgements read."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.registry import PublishedImage
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.terms.step import Step

STEPS_FOLDER = "esd/steps"
_LONGEST = 64 * 1024**2
"""Most bytes of one stream of a step."""
_PASSING = re.compile(r"srun: (Job|Step|job) .*|INFO:.*|WARNING:.*")
_CRASH = re.compile(r"Caught signal \d+ \([^)]*\)|Segmentation fault|Illegal instruction|Bus error|Floating point exception")
_CRASHED = re.compile(r"Exited with exit code 13[24569]")
_SILENT = "no message"
_SIGILL = 132
_TOO_LATE = "Job/step already completing or completed"
"""srun's message in the last seconds of a job at its time limit: the script still runs, the steps no longer do."""
_LAUNCHER = re.compile(r"(srun|slurmstepd[-\w]*): .*")


class NotUnderstoodError(ValueError):
    """A step's output is not what its check expects; the verdict is `unknown`."""


class Facts(BaseModel):
    """Base of a probe's output: one JSON object a line, with more keys than one check needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")


F = TypeVar("F", bound=Facts)


@dataclass(frozen=True)
class Output:
    """One step's exit code, duration (s) and output. `code` is None if the step did not end."""

    step: str
    limit_s: int
    code: int | None
    seconds: float
    stdout: str
    stderr: str

    @property
    def hung(self) -> bool:
        """Whether its time limit ended it: `timeout` gives 124, or 137 if it had to kill."""
        return self.code in {124, 137} and self.seconds >= self.limit_s

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    @property
    def illegal_instruction(self) -> bool:
        """Whether a program used an instruction that its processor lacks."""
        return self.code == _SIGILL or "Illegal instruction" in self.stderr

    def facts(self, model: type[F]) -> tuple[F, ...]:
        """The JSON lines of standard output. Raises NotUnderstoodError if there is none, or one has another form."""
        lines = [line for line in self.stdout.splitlines() if line.startswith("{")]
        try:
            found = tuple(model.model_validate(json.loads(line)) for line in lines)
        except (ValidationError, ValueError, RecursionError) as error:
            raise NotUnderstoodError(f"step '{self.step}' printed output of another form: {str(error).splitlines()[0]}") from error
        if not found:
            raise NotUnderstoodError(f"step '{self.step}' printed nothing (exit code {self.code}): {self.last_words}")
        return found

    @property
    def crash(self) -> str:
        """The message about a crashed rank (exit code 128 + signal, if the container passes it on); empty if none crashed."""
        found = self.code and (_CRASH.search(self.stderr) or _CRASHED.search(self.stderr))
        return found[0].strip() if found else ""

    @property
    def last_words(self) -> str:
        """The message of a program that crashed; else the end of standard error, with the program's words before srun's."""
        crash = _CRASH.search(self.stderr)
        if crash:
            return crash[0].strip()
        errors = [line for line in _lines(self.stderr) if not _PASSING.fullmatch(line)]
        own = [line for line in errors if not _LAUNCHER.fullmatch(line)]
        if self.hung:
            errors = []  # the launcher only says then that it was ended
        return " / ".join((own or errors or _lines(self.stdout))[-3:])[-500:] or _SILENT

    @property
    def aside(self) -> str:
        """Its last words in parentheses, to append to a reason; empty if it printed nothing."""
        return "" if self.last_words == _SILENT else f" ({self.last_words})"


@dataclass(frozen=True)
class JobEnd:
    """How the job itself ended. `started` is False if it was still queued after `--queue-time`."""

    started: bool = True
    finished: bool = True
    message: str = ""
    stderr: str = ""
    time_limit_s: int = 0
    queued_s: int = 0

    @property
    def out_of_time(self) -> bool:
        """Whether the job reached its time limit: by Slurm's message on standard error, or else by the server's (Slurm's state TIMEOUT)."""
        return "DUE TO TIME LIMIT" in self.stderr or "TIMEOUT" in self.message

    @property
    def why(self) -> str:
        """Why a step of the job did not run, or did not finish."""
        if not self.started:
            return "the job never started"
        if self.out_of_time:
            return f"the job reached its time limit of {self.time_limit_s} s"
        return self.message or "the job ended earlier"


@dataclass(frozen=True)
class Observations:
    """Everything that a judgement may read."""

    site: SiteConfig
    image: PublishedImage
    nodes: int
    outputs: tuple[Output, ...]
    job: JobEnd = field(default_factory=JobEnd)
    tag_now: str | None = None
    """The digest that the image's tag names after the job; None if the image has only a digest, or if the registry did not answer."""
    tag_before: str | None = None
    """The digest that the same tag named at its last validation here."""
    spikes: str | None = None
    """The image's reference: SHA-256 (hex) of the short network's spikes."""

    def output(self, step: str) -> Output | None:
        """A step's output; None if the step did not run."""
        return next((output for output in self.outputs if output.step == step), None)

    def require(self, step: str) -> Output:
        """A step's output, which exists: the suite calls no judgement without it."""
        found = self.output(step)
        if found is None:
            raise NotUnderstoodError(f"step '{step}' did not run")
        return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def read(folder: Path, steps: Iterable[Step]) -> tuple[Output, ...]:
    """The outputs of the steps that ended, or at least began."""
    return tuple(output for output in (_read(folder / STEPS_FOLDER / step.name, step) for step in steps) if output)


def _read(folder: Path, step: Step) -> Output | None:
    if not folder.is_dir():
        return None
    end = text(folder / "end").split()
    code, seconds = (int(end[0]), float(end[1])) if len(end) == 2 else (None, 0.0)
    stderr = text(folder / "stderr")
    ran = not (code and _TOO_LATE in stderr)
    return Output(step.name, step.limit_s, code if ran else None, seconds, text(folder / "stdout"), stderr)


def text(path: Path) -> str:
    """A step's stream, up to a length that no step of ours reaches: an image's program may print without end."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", errors="replace")
