"""What is compared for each NESTML model, and the result: data and verdicts, without acting.

`unknown` means that something could not be checked; it never counts as agreement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Literal

from pydantic import Field

from esd_build.data.documents import Document
from esd_build.data.outcome import Outcome
from esd_build.models.model import TARGETS, Target
from esd_build.models.report import ModelReport
from esd_build.models.traces import NestRequest, NestTraces, PlasticSynapse, Side, SpinnakerRequest, SpinnakerTrace

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


class Plasticity(Document):
    """A plastic synapse onto the neuron, and NEST's own synapse of the same kind; `tolerance` is of its weight, in the weight's unit."""

    file: str
    weight: float
    delay_ms: float
    first_ms: float
    every_ms: float = Field(gt=0)
    parameters: dict[str, float]
    reference: str
    reference_parameters: dict[str, float]
    tolerance: float


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
    plasticity: Plasticity | None = None
    targets: tuple[Target, ...] = TARGETS


class Cases(Document):
    """`models/portability.yaml`."""

    folder: Path
    steps: int
    timestep_ms: float
    models: dict[str, Case]


@dataclass(frozen=True)
class Trace:
    """One neuron: the membrane potential (mV) after each step, the steps that ended in a spike, a plastic synapse's weights."""

    potentials: Mapping[int, float]
    spikes: tuple[int, ...]
    weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class Row:
    """One line of the table: a model on a target, each stage with its verdict and what there is to say of it."""

    model: str
    target: Target
    stages: Mapping[str, Outcome]
    detail: str

    @property
    def failed(self) -> bool:
        return "failed" in self.stages.values()


def schedule(cases: Cases, case: Case) -> tuple[tuple[float, ...], ...]:
    """Weight of the spikes that arrive at each port in each step: excitation each 7 ms from 10 ms on, inhibition each 23 ms from 15 ms."""
    step = case.timestep_ms or cases.timestep_ms
    rows = [[0.0] * len(case.ports) for _ in range(round(cases.steps * cases.timestep_ms / step))]
    for port, (first_ms, every_ms) in zip(range(len(case.ports)), ((10, 7), (15, 23)), strict=False):
        for at in range(round(first_ms / step), len(rows), round(every_ms / step)):
            rows[at][port] = case.weights[port]
    return tuple(map(tuple, rows))


def nest_request(cases: Cases, case: Case, report: ModelReport) -> NestRequest:
    """The request to inside/nest_trace.py. NESTML names a neuron with a plastic synapse after both."""
    learning, reference = case.plasticity, case.reference
    names = [report.model, report.synapse] if learning else [report.model]
    own = _synapse(cases, learning, "__with_".join(map(str, reversed(names))), learning.parameters) if learning else None
    known = _synapse(cases, learning, learning.reference, learning.reference_parameters) if learning else None
    return NestRequest(
        module=report.module,
        timestep_ms=case.timestep_ms or cases.timestep_ms,
        ports=case.ports,
        inputs=schedule(cases, case),
        model=Side(name="__with_".join(map(str, names)), parameters=case.parameters, synapse=own),
        reference_kind=reference.kind,
        reference=Side(name=reference.name, parameters=reference.parameters, start=reference.start, synapse=known),
    )


def _synapse(cases: Cases, learning: Plasticity, name: str, parameters: dict[str, float]) -> PlasticSynapse:
    times = pulses(learning.first_ms, learning.every_ms, cases.steps * _exact(cases.timestep_ms))
    return PlasticSynapse(name=name, parameters=parameters, weight=learning.weight, delay_ms=learning.delay_ms, times_ms=times)


def pulses(first_ms: float, every_ms: float, duration_ms: float | Fraction) -> tuple[float, ...]:
    """All times of a regular train before the end; a pulse at the end itself is left out."""
    first, every = _exact(first_ms), _exact(every_ms)
    return tuple(float(first + every * n) for n in range(ceil((_exact(duration_ms) - first) / every)))


def _exact(number: float | Fraction) -> Fraction:
    """The decimal number that was written: a multiple of 0.1 that is a bit too small must not make one pulse more."""
    return Fraction(str(number))


def spinnaker_request(cases: Cases, case: Case, report: ModelReport) -> SpinnakerRequest:
    """The request to inside/spinnaker_trace.py."""
    step = case.timestep_ms or cases.timestep_ms
    return SpinnakerRequest(model=report.model, timestep_ms=step, parameters=case.parameters, inputs=schedule(cases, case))


def nest_traces(found: NestTraces) -> tuple[Trace, Trace]:
    """The model's trace and the reference's."""
    model, reference = (
        Trace(dict(zip(part.steps, part.potentials, strict=True)), part.spikes, part.weights) for part in (found.model, found.reference)
    )
    return model, reference


def spinnaker_trace(found: SpinnakerTrace) -> Trace:
    """SpiNNaker's code records at a step's beginning: index n holds the value after n steps; a spike in step n ends step n + 1."""
    return Trace(dict(enumerate(found.series["V_m"])), tuple(step + 1 for step in found.spikes))


def difference_mv(one: Trace, other: Trace) -> float:
    """The largest distance of the potentials, at all steps that both have, except next to a spike that is a step early or late."""
    shifted = set(one.spikes) ^ set(other.spikes)
    near = {step + offset for step in shifted for offset in range(-2, 30)}
    shared = [step for step in one.potentials if step in other.potentials and step not in near]
    return max((abs(one.potentials[step] - other.potentials[step]) for step in shared), default=float("inf"))


def same_spikes(one: Sequence[int], other: Sequence[int], steps: int) -> bool:
    """Whether both have as many spikes, none of them further apart than `steps`."""
    return len(one) == len(other) and all(abs(a - b) <= steps for a, b in zip(one, other, strict=True))


def agreement(one: Trace, other: Trace, tolerance_mv: float, spike_steps: int) -> tuple[Outcome, str]:
    """Whether two traces agree, and by how much they differ."""
    last = min(max(one.potentials, default=0), max(other.potentials, default=0))
    mine, theirs = ([step for step in trace.spikes if step <= last] for trace in (one, other))
    distance = difference_mv(one, other)
    late = max((abs(a - b) for a, b in zip(mine, theirs, strict=False)), default=0)
    spikes = f"{len(mine)} spikes" if len(mine) == len(theirs) else f"{len(mine)} and {len(theirs)} spikes"
    detail = f"{distance:.2g} mV apart at most (allowed {tolerance_mv:g}), {spikes}, {late} steps apart at most"
    return ("passed" if mine and same_spikes(mine, theirs, spike_steps) and distance <= tolerance_mv else "failed"), detail


def same_weights(one: Trace, other: Trace, tolerance: float) -> tuple[Outcome, str]:
    """Whether a plastic synapse learnt the same: as many weights, none further apart, and not all alike."""
    distance = max((abs(a - b) for a, b in zip(one.weights, other.weights, strict=False)), default=float("inf"))
    alike = len(one.weights) == len(other.weights) and distance <= tolerance and len(set(other.weights)) > 1
    low, high = min(other.weights, default=0.0), max(other.weights, default=0.0)
    detail = f"{len(one.weights)} weights from {low:.4g} to {high:.4g}, {distance:.2g} apart at most (allowed {tolerance:g})"
    return ("passed" if alike else "failed"), detail
