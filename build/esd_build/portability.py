"""What is compared of each NESTML model, and what came of it: data and verdicts, without acting.

`unknown` is what could not be looked at; it never counts as agreed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from esd_build.documents import Document
from esd_build.model import Target
from esd_build.model_report import ModelReport

Verdict = Literal["passed", "failed", "skipped"]
STAGES = ("generated", "compiled", "linked", "ran", "agreed")


class Reference(Document):
    """What NEST's compiled model is compared with: a model of NEST's own, or equations solved independently (inside/nest_trace.py)."""

    kind: Literal["nest", "equations"]
    name: str
    start: tuple[float, ...] = ()
    parameters: dict[str, float]


class Tolerance(Document):
    """How far membrane potentials may be apart, in mV."""

    nest: float
    spinnaker: float


class Case(Document):
    """One model's comparison. `weights`: of the spikes at each of `ports`, in the model's units."""

    file: str
    model: str | None = None
    timestep_ms: float | None = None
    ports: tuple[str, ...] = ("exc_spikes", "inh_spikes")
    parameters: dict[str, float]
    weights: tuple[float, ...]
    reference: Reference
    tolerance_mv: Tolerance
    spike_steps: int = Field(0, ge=0, description="how many steps a spike may be early or late")


class Cases(Document):
    """`models/portability.yaml`."""

    folder: Path
    steps: int
    timestep_ms: float
    models: dict[str, Case]


@dataclass(frozen=True)
class Trace:
    """One neuron: the membrane potential (mV) after each step, and the steps that ended in a spike."""

    potentials: Mapping[int, float]
    spikes: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table: a model on a target, each stage with its verdict and what there is to say of it."""

    model: str
    target: Target
    stages: Mapping[str, Verdict]
    detail: str

    @property
    def failed(self) -> bool:
        return "failed" in self.stages.values()


def schedule(cases: Cases, case: Case) -> list[list[float]]:
    """Weight of the spikes that arrive at each port in each step: excitation each 7 ms from 10 ms on, inhibition each 23 ms from 15 ms."""
    step = case.timestep_ms or cases.timestep_ms
    rows = [[0.0] * len(case.ports) for _ in range(round(cases.steps * cases.timestep_ms / step))]
    for port, (first_ms, every_ms) in zip(range(len(case.ports)), ((10, 7), (15, 23)), strict=False):
        for at in range(round(first_ms / step), len(rows), round(every_ms / step)):
            rows[at][port] = case.weights[port]
    return rows


def nest_request(cases: Cases, case: Case, report: ModelReport) -> dict[str, Any]:
    """What inside/nest_trace.py is asked for."""
    return {
        "model": report.model,
        "module": report.module,
        "timestep_ms": case.timestep_ms or cases.timestep_ms,
        "parameters": case.parameters,
        "ports": case.ports,
        "inputs": schedule(cases, case),
        "reference_kind": case.reference.kind,
        "reference": case.reference.name,
        "reference_parameters": case.reference.parameters,
        "reference_start": case.reference.start,
    }


def spinnaker_request(cases: Cases, case: Case, report: ModelReport) -> dict[str, Any]:
    """What inside/spinnaker_trace.py is asked for."""
    step = case.timestep_ms or cases.timestep_ms
    return {"model": report.model, "timestep_ms": step, "parameters": case.parameters, "inputs": schedule(cases, case)}


def nest_traces(found: Mapping[str, Any]) -> tuple[Trace, Trace]:
    """The model's trace and the reference's."""
    model, reference = (
        Trace(dict(zip(part["steps"], part["V_m"], strict=True)), tuple(part["spikes"])) for part in (found["model"], found["reference"])
    )
    return model, reference


def spinnaker_trace(found: Mapping[str, Any]) -> Trace:
    """SpiNNaker's code records at a step's beginning: the value at index n is what n steps made; a spike in step n ends step n + 1."""
    return Trace(dict(enumerate(found["series"]["V_m"])), tuple(step + 1 for step in found["spikes"]))


def difference_mv(one: Trace, other: Trace) -> float:
    """The largest distance of the potentials, at all steps that both have, except next to a spike that is a step early or late."""
    shifted = set(one.spikes) ^ set(other.spikes)
    near = {step + offset for step in shifted for offset in range(-2, 30)}
    shared = [step for step in one.potentials if step in other.potentials and step not in near]
    return max((abs(one.potentials[step] - other.potentials[step]) for step in shared), default=float("inf"))


def same_spikes(one: Sequence[int], other: Sequence[int], steps: int) -> bool:
    """Whether both have as many spikes, none of them further apart than `steps`."""
    return len(one) == len(other) and all(abs(a - b) <= steps for a, b in zip(one, other, strict=True))


def agreement(one: Trace, other: Trace, tolerance_mv: float, spike_steps: int) -> tuple[Verdict, str]:
    """Whether two traces agree, and by how much they differ."""
    last = min(max(one.potentials, default=0), max(other.potentials, default=0))
    mine, theirs = ([step for step in trace.spikes if step <= last] for trace in (one, other))
    distance = difference_mv(one, other)
    late = max((abs(a - b) for a, b in zip(mine, theirs, strict=False)), default=0)
    spikes = f"{len(mine)} spikes" if len(mine) == len(theirs) else f"{len(mine)} and {len(theirs)} spikes"
    detail = f"{distance:.2g} mV apart at most (allowed {tolerance_mv:g}), {spikes}, {late} steps apart at most"
    return ("passed" if mine and same_spikes(mine, theirs, spike_steps) and distance <= tolerance_mv else "failed"), detail
