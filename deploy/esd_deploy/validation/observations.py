"""What the steps of a validation left behind, as the judgements see it."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.registry import PublishedImage
from esd_deploy.sites.config import SiteConfig
from esd_deploy.validation.step import Step

STEPS_FOLDER = "esd/steps"
_LONGEST = 64 * 1024**2
"""Bytes of one stream of a step."""
_PASSING = re.compile(r"srun: (Job|Step|job) .*|INFO:.*|WARNING:.*")
_CRASH = re.compile(r"Caught signal \d+ \([^)]*\)|Segmentation fault|Illegal instruction|Bus error|Floating point exception")
_CRASHED = re.compile(r"Exited with exit code 13[24569]")
_SILENT = "no message"
_SIGILL = 132
_TOO_LATE = "Job/step already completing or completed"
"""What srun says in the last seconds of a job that reached its time limit: its script still runs, its steps no longer do."""
_LAUNCHER = re.compile(r"(srun|slurmstepd[-\w]*): .*")


class NotUnderstoodError(ValueError):
    """A step printed something else than its check expects; the verdict is unknown."""


class Facts(BaseModel):
    """Base of what a probe prints: one JSON object a line, with more keys than one check needs."""

    model_config = ConfigDict(frozen=True, extra="ignore")


F = TypeVar("F", bound=Facts)


@dataclass(frozen=True)
class Output:
    """One step's exit code, duration and what it printed. `code` is None where the step did not come to its end."""

    step: str
    limit_s: int
    code: int | None
    seconds: float
    stdout: str
    stderr: str

    @property
    def hung(self) -> bool:
        """Ended by its time limit; `timeout` gives 124, or 137 where it had to kill."""
        return self.code in {124, 137} and self.seconds >= self.limit_s

    @property
    def succeeded(self) -> bool:
        return self.code == 0

    @property
    def illegal_instruction(self) -> bool:
        """A program met an instruction that its processor does not have."""
        return self.code == _SIGILL or "Illegal instruction" in self.stderr

    def facts(self, model: type[F]) -> tuple[F, ...]:
        """The JSON lines of standard output; raises NotUnderstoodError where there is none, or one is not as expected."""
        lines = [line for line in self.stdout.splitlines() if line.startswith("{")]
        try:
            found = tuple(model.model_validate(json.loads(line)) for line in lines)
        except (ValidationError, ValueError, RecursionError) as error:
            raise NotUnderstoodError(f"step '{self.step}' printed what its check does not know: {str(error).splitlines()[0]}") from error
        if not found:
            raise NotUnderstoodError(f"step '{self.step}' printed nothing (exit code {self.code}): {self.last_words}")
        return found

    @property
    def crash(self) -> str:
        """What is said of a rank that crashed (128 + its signal, where the container ends for it); empty where none did."""
        found = self.code and (_CRASH.search(self.stderr) or _CRASHED.search(self.stderr))
        return found[0].strip() if found else ""

    @property
    def last_words(self) -> str:
        """What a program that crashed says of it; else the end of standard error, the program's own words before srun's."""
        crash = _CRASH.search(self.stderr)
        if crash:
            return crash[0].strip()
        errors = [line for line in _lines(self.stderr) if not _PASSING.fullmatch(line)]
        own = [line for line in errors if not _LAUNCHER.fullmatch(line)]
        if self.hung:
            errors = []  # the launcher's words are then of being ended
        return " / ".join((own or errors or _lines(self.stdout))[-3:])[-500:] or _SILENT

    @property
    def aside(self) -> str:
        """Its last words in parentheses, to be put behind a reason; nothing where it said nothing."""
        return "" if self.last_words == _SILENT else f" ({self.last_words})"


@dataclass(frozen=True)
class JobEnd:
    """How the job itself ended. `started` is False where it was still queued when the patience was over."""

    started: bool = True
    finished: bool = True
    message: str = ""
    stderr: str = ""
    time_limit_s: int = 0
    queued_s: int = 0

    @property
    def out_of_time(self) -> bool:
        """By Slurm's own word on the job's standard error, or where that came too late by the server's; TIMEOUT is Slurm's state."""
        return "DUE TO TIME LIMIT" in self.stderr or "TIMEOUT" in self.message

    @property
    def why(self) -> str:
        """Why a step of it did not run, or was cut off."""
        if not self.started:
            return "the job never started"
        if self.out_of_time:
            return f"the job reached its time limit of {self.time_limit_s} s"
        return self.message or "the job ended before"


@dataclass(frozen=True)
class Observations:
    """All that a judgement may look at."""

    site: SiteConfig
    image: PublishedImage
    nodes: int
    outputs: tuple[Output, ...]
    job: JobEnd = field(default_factory=JobEnd)
    tag_now: str | None = None
    """The digest that the image's tag has after the job; None where the image was named by digest alone, or nobody could be asked."""
    tag_before: str | None = None
    """The digest that the same tag had when it was validated here the last time."""
    spikes: str | None = None
    """The reference of the image: hash of the spikes of the short network."""

    def output(self, step: str) -> Output | None:
        """A step's output; None where it was not run."""
        return next((output for output in self.outputs if output.step == step), None)

    def require(self, step: str) -> Output:
        """A step's output; the suite asks a judgement only where it is there."""
        found = self.output(step)
        if found is None:
            raise NotUnderstoodError(f"step '{step}' did not run")
        return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def read(folder: Path, steps: Iterable[Step]) -> tuple[Output, ...]:
    """The outputs of those steps that came to their end or at least began."""
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
    """What a step wrote, up to a length that none of ours reaches: an image's program may print without end."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_LONGEST).decode("utf-8", errors="replace")
