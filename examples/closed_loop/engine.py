"""A loop of fixed steps: brain and body move on in parallel; then transfer functions carry signals between them, in sequence."""

import csv
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

STEP_MS = 20.0


class Brain(Protocol):
    """What the loop needs of a simulated brain: `brain.py` has it over HTTP, or in this process."""

    spent_ms: Mapping[str, float]

    def step(self, duration_ms: float, rates: Mapping[str, float]) -> Mapping[str, float]:
        """Set the rate of each source (spikes/s), simulate, read the potential of each sink."""


class Body(Protocol):
    """What the loop needs of a body."""

    def step(self, duration_ms: float, told: Any) -> None:
        """Move on, with each muscle told an activation of 0 … 1."""


@dataclass
class Signals:
    """What goes between brain and body: sources' rates and sinks' potentials by name, and the muscles' activations."""

    rates: dict[str, float]
    activations: list[float]
    potentials: Mapping[str, float] = field(default_factory=dict)


Transfer = Callable[[int, Signals], None]
"""A transfer function: gets the number of the step, from 0, and changes the signals."""


@dataclass(frozen=True)
class Step:
    """Where one step's time went, in ms: `brain` and `body` overlap; `inside` is the service's own account."""

    brain: float
    body: float
    transfer: float
    total: float
    inside: Mapping[str, float]


def run(brain: Brain, body: Body, transfers: Sequence[Transfer], signals: Signals, steps: int) -> list[Step]:
    """Run the loop; returns the profile of each step. An error of the brain ends it."""
    found = []
    with ThreadPoolExecutor(1) as beside:
        for number in range(steps):
            begun = time.perf_counter()
            thinking = beside.submit(_timed, lambda: brain.step(STEP_MS, signals.rates))
            _, body_ms = _timed(lambda: body.step(STEP_MS, signals.activations))
            signals.potentials, brain_ms = thinking.result()
            _, transfer_ms = _timed(lambda: _carry(transfers, number, signals))  # noqa: B023 - called at once
            found.append(Step(brain_ms, body_ms, transfer_ms, (time.perf_counter() - begun) * 1000, dict(brain.spent_ms)))
    return found


def _carry(transfers: Sequence[Transfer], number: int, signals: Signals) -> None:
    for transfer in transfers:
        transfer(number, signals)


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    return act(), (time.perf_counter() - begun) * 1000


PARTS = ("brain", "body", "transfer", "total", "nest", "ranks", "form", "http")


def rows(profile: Sequence[Step]) -> list[dict[str, float]]:
    """The profile as a table: times in ms. `http` is what the brain's time has besides the service's own account."""
    found = []
    for step in profile:
        inside = {name: step.inside.get(name, 0.0) for name in ("nest", "ranks", "form")}
        http = step.brain - sum(inside.values()) if step.inside else 0.0
        found.append({"brain": step.brain, "body": step.body, "transfer": step.transfer, "total": step.total, **inside, "http": http})
    return found


def medians(profile: Sequence[Step]) -> dict[str, float]:
    """The median of each part in ms, without the first step, which has the initialization."""
    table = rows(profile)[1:]
    return {name: round(median(row[name] for row in table), 3) for name in PARTS}


def write(profile: Sequence[Step], place: Path) -> None:
    """As CSV, one row for each step."""
    with place.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("step", *PARTS), lineterminator="\n")
        writer.writeheader()
        for number, row in enumerate(rows(profile)):
            writer.writerow({"step": number, **{name: f"{value:.3f}" for name, value in row.items()}})
