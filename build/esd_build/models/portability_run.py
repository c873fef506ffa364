"""Takes every model of `models/portability.yaml` to both targets, runs it there, and compares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from esd_build.data.errors import ToolError
from esd_build.data.outcome import Outcome
from esd_build.models.building import BuiltModel, ModelBuilder
from esd_build.models.model import ModelSource, Target, inside
from esd_build.models.portability import (
    Case,
    Cases,
    Row,
    Trace,
    agreement,
    nest_request,
    nest_traces,
    same_weights,
    spinnaker_request,
    spinnaker_trace,
)
from esd_build.models.report import ModelReport
from esd_build.models.traces import NestTraces, Request, SpinnakerTrace

A = TypeVar("A", bound=BaseModel)
_NOT_REACHED: dict[str, Outcome] = {"ran": "skipped", "agreed": "skipped"}


@dataclass(frozen=True)
class Comparison:
    """The images to compare in, and who builds there."""

    cases: Cases
    builder: ModelBuilder
    images: dict[Target, Path]
    say: Callable[[str], None] = lambda _text: None

    def rows(self) -> Iterator[Row]:
        """A row for each model and target; NEST first, because SpiNNaker is compared with it."""
        for name, case in self.cases.models.items():
            on_nest: Trace | None = None
            for target in case.targets:
                self.say(f"==> {name} for {target}")
                row, trace = self._row(name, case, target, on_nest)
                on_nest = trace if target == "nest" else on_nest
                yield row

    def _row(self, name: str, case: Case, target: Target, on_nest: Trace | None) -> tuple[Row, Trace | None]:
        learning = case.plasticity
        source = ModelSource(self.cases.folder / case.file, self.cases.folder / learning.file if learning else None)
        built = self.builder.build(self.builder.plan(source, target, self.images[target]))
        stages: dict[str, Outcome] = {step.name: step.state for step in built.report.steps}
        reasons = _reasons(built.report)
        if "failed" in stages.values():
            return Row(name, target, {**stages, **_NOT_REACHED}, "; ".join(reasons)), None
        try:
            trace, verdict, detail = self._compared(case, target, built, on_nest)
        except ToolError as error:
            return Row(name, target, {**stages, "ran": "failed", "agreed": "skipped"}, str(error).splitlines()[-1]), None
        return Row(name, target, {**stages, "ran": "passed", "agreed": verdict}, detail), trace

    def _compared(self, case: Case, target: Target, built: BuiltModel, on_nest: Trace | None) -> tuple[Trace, Outcome, str]:
        if target == "nest":
            return _on_nest(case, self._answer(built, target, nest_request(self.cases, case, built.report), NestTraces))
        return _on_spinnaker(case, self._answer(built, target, spinnaker_request(self.cases, case, built.report), SpinnakerTrace), on_nest)

    def _answer(self, built: BuiltModel, target: Target, request: Request, form: type[A]) -> A:
        """Run one neuron in the image; raises ToolError if that fails."""
        folder = built.folder
        (folder / "request.json").write_text(request.model_dump_json(), encoding="utf-8")
        (folder / "trace.json").unlink(missing_ok=True)
        command = ("python3", f"/inside/{target}_trace.py", "/work", *(("run",) if target == "spinnaker" else ()), "request.json")
        finished = self.builder.apptainer.execute(
            self.images[target],
            command,
            binds={inside(): "/inside:ro", folder: "/work"},
            variables={"LD_LIBRARY_PATH": "/work/product"},
        )
        if finished.returncode != 0 or not (folder / "trace.json").is_file():
            raise ToolError("\n".join(finished.tail[-10:]) or f"{command[1]} ended with {finished.returncode}")
        try:
            return form.model_validate_json((folder / "trace.json").read_bytes())
        except ValidationError as error:
            raise ToolError(f"{command[1]} wrote a trace of another form: {error.errors()[0]['msg']}") from error


def _on_nest(case: Case, found: NestTraces) -> tuple[Trace, Outcome, str]:
    model, reference = nest_traces(found)
    verdict, detail = agreement(model, reference, case.tolerance_mv.nest, case.spike_steps)
    if case.plasticity:
        learnt, weights = same_weights(model, reference, case.plasticity.tolerance)
        verdict, detail = ("failed" if "failed" in (verdict, learnt) else verdict), f"{detail}; {weights}"
    return model, verdict, f"against {_reference(case)}: {detail}"


def _on_spinnaker(case: Case, found: SpinnakerTrace, on_nest: Trace | None) -> tuple[Trace, Outcome, str]:
    model = spinnaker_trace(found)
    if on_nest is None:
        return model, "skipped", "no trace of NEST to compare with"
    verdict, detail = agreement(model, on_nest, case.tolerance_mv.spinnaker, case.spike_steps)
    return model, verdict, f"against the model on NEST: {detail}"


def _reference(case: Case) -> str:
    if case.reference.kind == "equations":
        return "its equations, solved independently"
    return f"NEST's {case.reference.name}" + (f" and {case.plasticity.reference}" if case.plasticity else "")


def _reasons(report: ModelReport) -> list[str]:
    """What failed, with the first of NESTML's own words where the model was at fault."""
    said = [str(message) for message in report.messages if message.level == "error"][:1]
    return [f"{step.name}: {step.detail}" for step in report.steps if step.state == "failed"] + said
