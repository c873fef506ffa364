"""What came of a model, `model.json`: each step passed, failed or skipped, and what NESTML said of the model."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from esd_build.data.outcome import Outcome
from esd_build.models.model import ModelPlan, Target

FILE_NAME = "model.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Part):
    """`generated`, `compiled` or (SpiNNaker) `linked`."""

    name: str
    state: Outcome
    detail: str = ""


class Message(_Part):
    """NESTML's own words, with the place in the model's file."""

    level: Literal["warning", "error"]
    file: str
    line: int | None
    column: int | None
    text: str

    def __str__(self) -> str:
        """As compilers say it: FILE:LINE:COLUMN: LEVEL: TEXT."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line is not None else self.file
        return f"{place}: {self.level}: {self.text}"


class ModelReport(_Part):
    """One model for one target; paths of `files` are relative to the report."""

    model: str
    synapse: str | None = None
    target: Target
    module: str
    nestml: str
    image: str
    image_sha256: str
    key: str
    sources: tuple[str, ...]
    steps: tuple[Step, ...]
    messages: tuple[Message, ...]
    files: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return any(step.state == "failed" for step in self.steps)

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    @property
    def lines(self) -> list[str]:
        """What a person is told: NESTML's messages, then the steps."""
        said = [str(message) for message in self.messages]
        return said + [f"{self.model}: {self.target}: {s.name}: {s.state}" + (f" ({s.detail})" if s.detail else "") for s in self.steps]


def assemble(plan: ModelPlan, folder: Path) -> ModelReport:
    """The report of what the scripts in the image left in `folder`."""
    found = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    names = plan.source.names
    steps = [Step(**step) for step in found["steps"]]
    if plan.target == "spinnaker" and steps[0].state == "passed":
        steps.insert(1, _compiled(folder))
    product = folder / "product"
    return ModelReport(
        model=names[0],
        synapse=names[1] if plan.source.synapse else None,
        target=plan.target,
        module=plan.source.module,
        nestml=found["nestml"],
        image=plan.image.name,
        image_sha256=plan.image_sha256,
        key=plan.key,
        sources=tuple(plan.source.content),
        steps=tuple(steps),
        messages=tuple(Message(**{**message, "file": _file(message["file"], plan)}) for message in found["messages"]),
        files=tuple(sorted(str(path.relative_to(product)) for path in product.rglob("*") if path.is_file())),
    )


def _file(artifact: str, plan: ModelPlan) -> str:
    """NESTML names a file without its ending, or, where it could not be parsed, not at all."""
    names = tuple(plan.source.content)
    known = [name for name in names if Path(name).stem == artifact]
    return (known or ([names[0]] if len(names) == 1 else [" or ".join(names)]))[0]


def _compiled(folder: Path) -> Step:
    """Whether all generated neurons became ARM objects: against stand-ins for SpiNNaker's run-time library, and it says so."""
    neurons = json.loads((folder / "compile.json").read_text(encoding="utf-8"))
    failed = [neuron["said"] for neuron in neurons.values() if not neuron["compiled"]]
    if not neurons:
        return Step(name="compiled", state="failed", detail="no neuron was generated")
    if failed:
        errors = [line for line in failed[0].splitlines() if "error" in line]
        return Step(name="compiled", state="failed", detail=(errors or [failed[0]])[0].partition("error: ")[2] or failed[0])
    return Step(name="compiled", state="passed", detail="ARM object, against stand-in headers")
