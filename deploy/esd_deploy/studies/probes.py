"""What `esd-deploy drift --full` found: each probe of several stacks beside that of the first, by how much it differs, and why.

Two stacks whose spikes differ may run another *realisation* of the same model or another *model*: a realisation differs within what another
seed changes too, so each network is run with several seeds, and the intervals of rate and irregularity decide.
"""

import importlib.resources
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from esd_build.data import documents
from esd_build.data.documents import Document
from esd_deploy.studies.drift import Stack
from esd_deploy.studies.study import ORDERS, Kernel, Neuron, Order, Ordered, PaperNetwork, Spikes, Study, Unanswered

Judgement = Literal["same", "other realisation", "other model", "other numbers", "unknown"]
# Student's t for 95 %, two-sided, by degrees of freedom; more than ten seeds are not drawn.
_T = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


class SingleNeurons(Document):
    """Each model alone, with a constant current (pA), and with a Poisson source; times in ms, rates in 1/s."""

    duration: float
    current: float
    rate: float
    weight: float
    seed: int


class Drive(Document):
    """The Poisson source of a network: 1/s, and the weight in the model's units."""

    rate: float
    weight: float


class Kind(Document):
    """One network: its neurons, and its connections in NEST's words."""

    neuron: str
    drive: Drive
    rule: dict[str, str | int | float]
    excitatory: dict[str, JsonValue]
    inhibitory: dict[str, JsonValue]


class Networks(Document):
    """Networks that differ in one thing each; times in ms."""

    neurons: int
    short: float
    duration: float
    threads: int
    seed: int
    other_seed: int
    seeds: int
    kinds: dict[str, Kind]


class Questions(Document):
    """What each stack is asked."""

    single_neurons: SingleNeurons
    networks: Networks


@cache
def questions() -> Questions:
    """The questions of probes.yaml, which says what each is for."""
    return documents.load(Path(str(importlib.resources.files(__package__) / "probes.yaml")), Questions)


@dataclass(frozen=True)
class Finding:
    """One probe in one stack, compared with the first stack."""

    probe: str
    stack: str
    against: str
    verdict: Judgement
    difference: str = ""
    cause: str = ""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % interval."""

    mean: float
    half: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Interval":
        """Raises ValueError for fewer than two values."""
        if len(values) < 2:
            raise ValueError("an interval needs two values")
        half = _T.get(len(values) - 1, 2.26) * statistics.stdev(values) / math.sqrt(len(values))
        return cls(statistics.fmean(values), half)

    def overlaps(self, other: "Interval") -> bool:
        """Whether both may be of one distribution; equal values count, which have no width."""
        return abs(self.mean - other.mean) <= self.half + other.half

    def __str__(self) -> str:
        return f"{self.mean:.3g} ± {self.half:.1g}"


@dataclass(frozen=True)
class _Asked:
    """A stack that answered, by its name, with what it answered."""

    name: str
    versions: Mapping[str, str]
    study: Study

    def version(self, component: str) -> str:
        return self.versions.get(component, "?")


_Judged = tuple[Judgement, str, str]
"""A verdict, by how much the answers differ, and why."""
_SAME: _Judged = ("same", "", "")


def findings(stacks: Sequence[Stack]) -> tuple[Finding, ...]:
    """All probes of all stacks that answered, each against the first of them."""
    answered = [_Asked(stack.name, stack.versions or {}, stack.study) for stack in stacks if stack.study]
    if len(answered) < 2:
        return ()
    first, *others = answered
    return tuple(Finding(probe, other.name, first.name, *judged) for other in others for probe, judged in _pair(first, other))


def _pair(first: _Asked, other: _Asked) -> Iterator[tuple[str, _Judged]]:
    old, new = first.study, other.study
    for order in ORDERS:
        yield f"kernel, {order}", _kernel(old.kernel.of(order), new.kernel.of(order), first, other)
    for kind in old.networks:
        for order in ORDERS:
            yield f"network {kind}, {order}", _network(kind, order, first, other)
    yield from _neurons(old.neurons, new.neurons)
    yield from _numerics(first, other)
    yield "NESTML model", _whole(old.nestml, new.nestml)
    yield "the paper's network by PyNN", _whole(old.pynn, new.pynn)


def _unanswered(*answers: object) -> _Judged:
    reasons = [str(one) for one in answers if isinstance(one, Unanswered)]
    return "unknown", "; ".join(dict.fromkeys(reasons)), ""


def _kernel(old: Kernel | Unanswered, new: Kernel | Unanswered, first: _Asked, other: _Asked) -> _Judged:
    if isinstance(old, Unanswered) or isinstance(new, Unanswered):
        return _unanswered(old, new)
    wrong = _settings_apart(old, new)
    return ("other numbers", wrong, _lost(old, first) or _lost(new, other)) if wrong else _SAME


def _settings_apart(old: Kernel, new: Kernel) -> str:
    after = new.model_dump()
    return "; ".join(f"{name} {value} and {after[name]}" for name, value in old.model_dump().items() if value != after[name])


def _lost(kernel: Kernel | Unanswered, stack: _Asked) -> str:
    asked = questions().networks.seed
    if isinstance(kernel, Unanswered) or kernel.rng_seed == asked:
        return ""
    return f"NEST {stack.version('NEST')} loses a seed that is set before the number of threads: asked {asked}, read back {kernel.rng_seed}"


def _network(kind: str, order: Order, first: _Asked, other: _Asked) -> _Judged:
    missing = Unanswered(reason=f"{other.name} was not asked for it")
    old, new = first.study.networks[kind], other.study.networks.get(kind, missing)
    if isinstance(old, Unanswered) or isinstance(new, Unanswered):
        return _unanswered(old, new)
    before, after = old.of(order), new.of(order)
    if before.hashes[0] == after.hashes[0]:
        return _SAME
    pairs = {
        "rate": (Interval.of([one.rate for one in old.statistics]), Interval.of([one.rate for one in new.statistics])),
        "cv": (Interval.of([one.cv for one in old.statistics]), Interval.of([one.cv for one in new.statistics])),
    }
    apart = any(not a.overlaps(b) for a, b in pairs.values())
    told = "; ".join((f"{before.spikes[0]} and {after.spikes[0]} spikes", *(f"{name} {a} and {b}" for name, (a, b) in pairs.items())))
    return "other model" if apart else "other realisation", told, _why(kind, order, first, other)


def _why(kind: str, order: Order, first: _Asked, other: _Asked) -> str:
    for stack in (first, other):
        if lost := _lost(stack.study.kernel.of(order), stack):
            network = stack.study.networks[kind]
            one = isinstance(network, Ordered) and len(set(network.of(order).hashes)) == 1
            return lost + ("; every seed gives this one realisation" if one else "")
    return "the kernels are set up alike: NEST itself computes otherwise"


def _neurons(
    old: Mapping[str, Neuron | Unanswered] | Unanswered, new: Mapping[str, Neuron | Unanswered] | Unanswered
) -> Iterator[tuple[str, _Judged]]:
    if isinstance(old, Unanswered) or isinstance(new, Unanswered):
        yield "neuron models", _unanswered(old, new)
        return
    both = {name: (a, b) for name, a in old.items() if isinstance(a, Neuron) and isinstance(b := new.get(name), Neuron)}
    apart = {name: pair for name, pair in both.items() if pair[0].hash != pair[1].hash}
    told = f"{len(both) - len(apart)} of {len(both)} the same to the last bit"
    yield "neuron models", ("other numbers" if apart else "same", told, "")
    for name, pair in apart.items():
        yield f"neuron {name}", ("other numbers", _apart(*pair), "")
    unlike = sorted(set(old) ^ set(new))
    if unlike:
        yield "neuron models of one only", ("unknown", ", ".join(unlike), "")


def _apart(old: Spikes, new: Spikes) -> str:
    spikes = f"{old.spikes} and {new.spikes} spikes"
    if not isinstance(old, Neuron) or not isinstance(new, Neuron):
        return spikes
    most = max((abs(a - b) for a, b in zip(old.potential, new.potential, strict=False)), default=0.0)
    return f"potential at most {most:.2g} mV apart; {spikes}"


def _numerics(first: _Asked, other: _Asked) -> Iterator[tuple[str, _Judged]]:
    old, new = first.study.numerics, other.study.numerics
    if isinstance(old, Unanswered) or isinstance(new, Unanswered):
        yield "NumPy", _unanswered(old, new)
        return
    differ: _Judged = ("other numbers", "", f"NumPy {first.version('numpy')} and {other.version('numpy')}")
    for name, value in old.items():
        yield f"NumPy: {name}", _SAME if value == new.get(name) else differ


def _whole(old: Neuron | PaperNetwork | Unanswered, new: Neuron | PaperNetwork | Unanswered) -> _Judged:
    if isinstance(old, Unanswered) or isinstance(new, Unanswered):
        return _unanswered(old, new)
    if old.hash == new.hash:
        return "same", f"{new.spikes} spikes", ""
    kernels = [one.kernel for one in (old, new) if isinstance(one, PaperNetwork) and one.kernel]
    return "other numbers", _apart(old, new), _settings_apart(*kernels) if len(kernels) == 2 else ""
