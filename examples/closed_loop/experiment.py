"""The scripted experiment: one second in 50 steps of 20 ms, as in the published protocol, on an arm of one joint.

Steps 0 to 4: a fixed activation of both muscles. From step 5 on the flexor's layer drives the flexor. From step 25 on that layer's source
gives 5000 spikes a second to each of its neurons, else 0.
"""

import sys
from collections.abc import Mapping
from typing import Protocol

from engine import Body, Brain, Signals, Step, Transfer, run

BASE = 0.05
DRIVEN_FROM, EXCITED_FROM, STEPS = 5, 25, 50
RATE = 5000.0
SOURCES = ("flexor_source", "extensor_source")
SINKS = ("flexor_sink", "extensor_sink")
SOURCES_OF_A_LAYER = 4


class Limb(Body, Protocol):
    """The body of this experiment: `body.py` has it in NumPy, `mujoco_arm.py` in MuJoCo."""

    @property
    def angle(self) -> float:
        """Of the joint that the flexor bends, in rad."""


def clipped(potential: float) -> float:
    """A sink's potential as a muscle's activation."""
    return min(1.0, max(0.0, potential))


def to_body(number: int, signals: Signals) -> None:
    """Spike sinks: the layers' activity becomes the flexor's activation."""
    if number >= DRIVEN_FROM:
        signals.activations = [clipped(signals.potentials["flexor_sink"]), BASE]


def to_brain(number: int, signals: Signals) -> None:
    """Spike sources: rates for the next step, the same for each generator of a source."""
    signals.rates = dict.fromkeys(SOURCES, 0.0)
    if number + 1 >= EXCITED_FROM:
        signals.rates["flexor_source"] = RATE / SOURCES_OF_A_LAYER


def status_line(arm: Limb) -> Transfer:
    """What happens, on standard error, in each step from the sixth on."""

    def say(number: int, signals: Signals) -> None:
        if number >= DRIVEN_FROM:
            read = ", ".join(f"{name} {value:.3f}" for name, value in signals.potentials.items())
            print(f"step {number}: angle {arm.angle:+.3f} rad, {read}", file=sys.stderr)

    return say


def begin() -> Signals:
    """The signals before the first step."""
    return Signals(dict.fromkeys(SOURCES, 0.0), [BASE, BASE])


def experiment(brain: Brain, arm: Limb, steps: int = STEPS, *, quiet: bool = False) -> list[Step]:
    """The profile of the whole experiment; `arm` is afterwards where it came to."""
    transfers: list[Transfer] = [to_body, to_brain, *(() if quiet else (status_line(arm),))]
    return run(brain, arm, transfers, begin(), steps)


def verdict(arm: Limb, potentials: Mapping[str, float]) -> bool:
    """Whether the excited layer bent the arm."""
    return arm.angle > 0.1 and potentials["flexor_sink"] > potentials["extensor_sink"]
