"""A validation's result as a document: `validation.json` in its folder, and the attachment of an image in the registry."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_build.data.errors import ToolError
from esd_build.data.whole import write_whole
from esd_deploy.plans import launch
from esd_deploy.validation.plan import ValidationPlan
from esd_deploy.validation.terms.check import Check
from esd_deploy.validation.terms.verdict import WORST, Outcome, Verdict

FILE_NAME = "validation.json"
ARTIFACT_TYPE = "application/vnd.ebrains.esd.validation.v1+json"


class CheckResult(BaseModel):
    """One check and its verdict; `seconds`: duration of its steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    tags: tuple[str, ...]
    seconds: float
    verdict: Verdict
    steps: tuple[str, ...] = ()
    """The steps of the job whose output it judged."""


class Report(BaseModel):
    """All verdicts of one validation. Times are UTC. It names neither the user's machine nor a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    time: datetime
    site: str
    image: str
    digest: str
    sif_digest: str
    nodes: int
    seconds: float
    suite: str
    job: str
    checks: tuple[CheckResult, ...]
    suggestion: str = ""
    spikes: str = ""
    """The SHA-256 (hex) of the short network's spikes in this validation."""
    esd_images: str = ""
    """The version that made the job and judged; reports of older ones do not say."""
    executed: dict[str, str] = {}
    """The job's steps: name, and command line as it stood in the job."""

    @classmethod
    def of(
        cls,
        plan: ValidationPlan,
        suite: str,
        job: str,
        seconds: float,
        checks: Iterable[Check],
        verdicts: Mapping[str, Verdict],
        took: Mapping[str, float],
    ) -> Self:
        """The report of an ended validation."""
        return cls(
            id=plan.id,
            time=datetime.now(UTC).replace(microsecond=0),
            site=plan.site.name,
            image=str(plan.image.reference).partition("@")[0],
            digest=plan.image.reference.digest or "",
            sif_digest=plan.image.sif_digest,
            nodes=plan.nodes,
            seconds=round(seconds, 1),
            suite=suite,
            job=job,
            checks=tuple(_result(check, verdicts[check.name], took) for check in checks),
            esd_images=version("esd-images"),
            executed={step.name: launch.shell_line(step.argv) for step in plan.steps},
        )

    @property
    def name(self) -> str:
        """The image without its registry: its digest is the same in every registry."""
        return self.image.partition("/")[2] or self.image

    @property
    def whole(self) -> bool:
        """Whether the user left out no check of the suite."""
        return self.suite in {"quick", "full"}

    def of_outcome(self, outcome: Outcome) -> tuple[CheckResult, ...]:
        """The checks with this outcome."""
        return tuple(check for check in self.checks if check.verdict.outcome == outcome)

    @property
    def outcome(self) -> Outcome:
        """`failed` if any check failed, else `unknown` if any could not decide, else `passed`."""
        found = {check.verdict.outcome for check in self.checks}
        return next((outcome for outcome in WORST if outcome in found and outcome != "skipped"), "skipped")

    @property
    def counts(self) -> str:
        """The number of checks with each outcome."""
        number = Counter(check.verdict.outcome for check in self.checks)
        return ", ".join(f"{number[outcome]} {outcome}" for outcome in reversed(WORST) if number[outcome])

    def save(self, folder: Path) -> Path:
        """Write `validation.json` whole or not at all. Raises ToolError if the disk refuses."""
        target = folder / FILE_NAME
        try:
            write_whole(target, self.model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise ToolError(f"cannot write {target}: {error.strerror}") from error
        return target


def parse(content: bytes, where: str) -> Report:
    """A report from its JSON text. Raises ToolError if it is not one."""
    try:
        return Report.model_validate_json(content)
    except ValidationError as error:
        raise ToolError(f"{where} is not a validation report of this version: {str(error).splitlines()[0]}") from error


def collect(folder: Path) -> tuple[Report, ...]:
    """The reports below a folder, oldest first."""
    found = [parse(path.read_bytes(), str(path)) for path in sorted(folder.glob(f"*/{FILE_NAME}"))]
    return tuple(sorted(found, key=lambda report: (report.time, report.id)))


def _result(check: Check, verdict: Verdict, took: Mapping[str, float]) -> CheckResult:
    seconds = round(sum(took.get(step, 0.0) for step in check.steps), 1)
    return CheckResult(
        name=check.name, title=check.title, tags=tuple(sorted(check.tags)), seconds=seconds, verdict=verdict, steps=check.steps
    )
