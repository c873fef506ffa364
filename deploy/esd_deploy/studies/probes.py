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
from typing import Any, Literal

from ruamel.yaml import YAML

from esd_deploy.studies.drift import Stack

Judgement = Literal["same", "other realisation", "other model", "other numbers", "unknown"]
_ORDERS = ("threads first", "seed first")
# Student's t for 95 %, two-sided, by degrees of freedom; more than ten seeds are not drawn.
_T = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


@cache
def questions() -> Mapping[str, Any]:
    """What each stack is asked (probes.yaml)."""
    found: Mapping[str, Any] = YAML(typ="safe").load(importlib.resources.files(__package__).joinpath("probes.yaml").read_text("utf-8"))
    return found


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


def findings(stacks: Sequence[Stack]) -> tuple[Finding, ...]:
    """All probes of all stacks that answered, each against the first of them."""
    answered = [stack for stack in stacks if stack.study]
    if len(answered) < 2:
        return ()
    first, *others = answered
    return tuple(finding for other in others for finding in _pair(first, other))


def _pair(first: Stack, other: Stack) -> Iterator[Finding]:
    old, new = first.study or {}, other.study or {}

    def found(probe: str, verdict: Judgement, difference: str = "", cause: str = "") -> Finding:
        return Finding(probe, other.name, first.name, verdict, difference, cause)

    for order in _ORDERS:
        yield found(f"kernel, {order}", *_kernel(old["kernel"][order], new["kernel"][order], first, other))
    for kind in old["networks"]:
        for order in _ORDERS:
            yield found(f"network {kind}, {order}", *_network(kind, order, first, other))
    for name, judged in _neurons(old["neurons"], new["neurons"]):
        yield found(name, *judged)
    for name, judged in _numerics(old["numerics"], new["numerics"], first, other):
        yield found(name, *judged)
    for name, key in (("NESTML model", "nestml"), ("the paper's network by PyNN", "pynn")):
        yield found(name, *_whole(old[key], new[key]))


def _kernel(old: Mapping[str, Any], new: Mapping[str, Any], first: Stack, other: Stack) -> tuple[Judgement, str, str]:
    if reason := old.get("reason") or new.get("reason"):
        return "unknown", str(reason), ""
    wrong = [f"{key} {old[key]} and {new[key]}" for key in old if old[key] != new.get(key)]
    if not wrong:
        return "same", "", ""
    return "other numbers", "; ".join(wrong), _lost(old, first) or _lost(new, other) or ""


def _lost(kernel: Mapping[str, Any], stack: Stack) -> str:
    asked = questions()["networks"]["seed"]
    if kernel.get("rng_seed", asked) == asked:
        return ""
    version = (stack.versions or {}).get("NEST", "?")
    return f"NEST {version} loses a seed that is set before the number of threads: asked {asked}, read back {kernel['rng_seed']}"


def _network(kind: str, order: str, first: Stack, other: Stack) -> tuple[Judgement, str, str]:
    old, new = (stack.study["networks"][kind] for stack in (first, other) if stack.study)
    if reason := old.get("reason") or new.get("reason"):
        return "unknown", str(reason), ""
    if old[order]["hashes"][0] == new[order]["hashes"][0]:
        return "same", "", ""
    pairs = {name: tuple(Interval.of([row[name] for row in one["statistics"]]) for one in (old, new)) for name in ("rate", "cv")}
    apart = [name for name, (a, b) in pairs.items() if not a.overlaps(b)]
    spikes = f"{old[order]['spikes'][0]} and {new[order]['spikes'][0]} spikes"
    told = "; ".join(f"{name} {a} and {b}" for name, (a, b) in pairs.items())
    return "other model" if apart else "other realisation", f"{spikes}; {told}", _why(order, kind, first, other)


def _why(order: str, kind: str, first: Stack, other: Stack) -> str:
    for stack in (first, other):
        study = stack.study or {}
        lost = _lost(study["kernel"][order], stack)
        if lost:
            hashes = study["networks"][kind][order]["hashes"]
            return lost + ("; every seed gives this one realisation" if len(set(hashes)) == 1 else "")
    return "the kernels are set up alike: NEST itself computes otherwise"


def _neurons(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Judgement, str, str]]]:
    if reason := old.get("reason") or new.get("reason"):
        yield "neuron models", ("unknown", str(reason), "")
        return
    both = [name for name in old if name in new and "hash" in old[name] and "hash" in new[name]]
    same = [name for name in both if old[name]["hash"] == new[name]["hash"]]
    yield (
        "neuron models",
        ("same" if len(same) == len(both) else "other numbers", f"{len(same)} of {len(both)} the same to the last bit", ""),
    )
    for name in both:
        if name not in same:
            yield f"neuron {name}", ("other numbers", _apart(old[name], new[name]), "")
    unlike = sorted(set(old) ^ set(new))
    if unlike:
        yield "neuron models of one only", ("unknown", ", ".join(unlike), "")


def _apart(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    most = max((abs(a - b) for a, b in zip(old["potential"], new["potential"], strict=False)), default=0.0)
    return f"potential at most {most:.2g} mV apart; {old['spikes']} and {new['spikes']} spikes"


def _numerics(
    old: Mapping[str, str], new: Mapping[str, str], first: Stack, other: Stack
) -> Iterator[tuple[str, tuple[Judgement, str, str]]]:
    if reason := old.get("reason") or new.get("reason"):
        yield "NumPy", ("unknown", str(reason), "")
        return
    versions = " and ".join((stack.versions or {}).get("numpy", "?") for stack in (first, other))
    for name in old:
        same = old[name] == new.get(name)
        yield f"NumPy: {name}", ("same" if same else "other numbers", "", "" if same else f"NumPy {versions}")


def _whole(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Judgement, str, str]:
    if "hash" not in old or "hash" not in new:
        return "unknown", "; ".join(str(one["reason"]) for one in (old, new) if "reason" in one), ""
    if old["hash"] == new["hash"]:
        return "same", f"{new['spikes']} spikes", ""
    told = _apart(old, new) if "potential" in new and "potential" in old else f"{old['spikes']} and {new['spikes']} spikes"
    return "other numbers", told, ""
