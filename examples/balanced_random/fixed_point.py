"""What SpiNNaker's arithmetic does to the paper's network: the same draws, steps of 1 ms, in double precision and in S16.15.

    python3 fixed_point.py --seed 1 --output out      # writes out/double/ and out/fixed/, each with spikes-excitatory.nix and metrics.json

Both runs share connections, weights, delays, start and Poisson trains, and take the same steps. So the arithmetic is all that differs.
The neuron is IF_curr_exp by the closed form that sPyNNaker documents; a value has 15 bits behind the point (an input that decays: 32), a
product is cut off, not rounded, and a weight is a whole number of 2^-13 nA, so that 16 bits hold the sum of a step.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from balanced_random import (
    DELAY_EXC,
    DELAY_INH,
    DRIVE_HZ,
    EXCITATORY,
    INHIBITORY,
    INPUT_HZ,
    PROBABILITY,
    SOURCES,
    WEIGHT_EXC,
    WEIGHT_INH,
    WEIGHT_INPUT,
    write,
)

STEP_MS, TAU_M, TAU_SYN, RESISTANCE = 1.0, 20.0, 5.0, 20.0
REST, RESET, THRESHOLD, REFRACTORY_STEPS = -65.0, -65.0, -50.0, 1
POINT, DECAY_POINT, WEIGHT_POINT = 15, 32, 13
NEURONS = EXCITATORY + INHIBITORY


@dataclass(frozen=True)
class Arithmetic:
    """Numbers with `point` bits behind the point as whole numbers; `point` None: double precision."""

    point: int | None

    def number(self, value: np.ndarray | float) -> np.ndarray:
        """Raises ValueError for what 16 bits before the point cannot hold, NaN too."""
        given = np.asarray(value, dtype=float)
        if self.point is None:
            return given
        if not np.all(np.abs(given) < 2.0 ** (31 - self.point)):
            raise ValueError(f"S16.15 cannot hold {given[~(np.abs(given) < 2.0 ** (31 - self.point))].flat[0]}: give a number below 65536")
        return np.round(given * 2.0**self.point).astype(np.int64)

    def weight(self, value: np.ndarray) -> np.ndarray:
        """A weight in nA, to the bits that a row of synapses has."""
        return value if self.point is None else np.round(value * 2.0**WEIGHT_POINT).astype(np.int64) << (self.point - WEIGHT_POINT)

    def times(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a * b if self.point is None else a * b >> self.point

    def decayed(self, a: np.ndarray, factor: float) -> np.ndarray:
        """A product with a fraction of 32 bits."""
        return a * factor if self.point is None else a * round(factor * 2.0**DECAY_POINT) >> DECAY_POINT

    def held(self, a: np.ndarray) -> np.ndarray:
        """Raises OverflowError where the machine's 32 bits would wrap around."""
        if self.point is not None and np.any(np.abs(a) >= 2**31):
            raise OverflowError("a value left the range of S16.15 (65536): the network's input is too strong")
        return a


@dataclass(frozen=True)
class Drawn:
    """A network: for each source its targets, weights (nA) and delays (steps); sources are neurons, then the common ones."""

    targets: list[np.ndarray]
    weights: list[np.ndarray]
    delays: list[np.ndarray]
    start: np.ndarray


def clipped(rng: np.random.Generator, mu: float, sigma: float, low: float, high: float, size: int) -> np.ndarray:
    """Normal numbers, drawn again where they lie outside."""
    found = rng.normal(mu, sigma, size)
    while (outside := (found < low) | (found > high)).any():
        found[outside] = rng.normal(mu, sigma, int(outside.sum()))
    return found


def draw(rng: np.random.Generator) -> Drawn:
    """The network's random parts; delays are rounded to the step."""
    targets, weights, delays = [], [], []
    for source in range(NEURONS + SOURCES):
        common, excites = source >= NEURONS, source < EXCITATORY or source >= NEURONS
        mine = np.arange(EXCITATORY) if common else np.flatnonzero(rng.random(NEURONS) < PROBABILITY)
        mean, spread = (WEIGHT_INPUT, 0.01) if common else ((WEIGHT_EXC if excites else WEIGHT_INH), 0.1)
        bounds = (0.0, math.inf) if excites else (-math.inf, 0.0)
        targets.append(mine)
        weights.append(clipped(rng, mean, spread, *bounds, len(mine)))
        delays.append(np.rint(clipped(rng, *(DELAY_EXC if excites else DELAY_INH).values(), len(mine)) / STEP_MS).astype(int))
    return Drawn(targets, weights, delays, rng.uniform(-65.0, -55.0, NEURONS))


def simulate(net: Drawn, exact: Arithmetic, seed: int, stage_ms: float) -> list[np.ndarray]:
    """Spike times (ms) of the excitatory neurons; the Poisson trains follow from the seed alone."""
    rng = np.random.default_rng([seed, 1])
    weights = [exact.weight(np.abs(each)) for each in net.weights]
    one = exact.weight(np.array(WEIGHT_EXC))
    decay = math.exp(-STEP_MS / TAU_SYN)
    rise = exact.number(TAU_SYN / STEP_MS * (1 - decay))
    leak, ohm, rest = exact.number(math.exp(-STEP_MS / TAU_M)), exact.number(RESISTANCE), exact.number(REST)
    reset, threshold, v = exact.number(RESET), exact.number(THRESHOLD), exact.number(net.start)
    current = np.zeros((2, NEURONS), dtype=v.dtype)
    rings = np.zeros((16, 2, NEURONS), dtype=v.dtype)
    waiting = np.zeros(NEURONS, dtype=int)
    trains: list[list[float]] = [[] for _ in range(EXCITATORY)]
    steps = round(stage_ms / STEP_MS)
    for step in range(steps * len(INPUT_HZ)):
        arrived, rings[step % 16] = rings[step % 16].copy(), 0
        current = exact.held(exact.decayed(current, decay) + exact.times(arrived, rise))
        aim = exact.held(exact.times(current[0] - current[1], ohm) + rest)
        v = np.where(waiting > 0, v, aim - exact.times(leak, aim - v))
        fired = np.flatnonzero((waiting == 0) & (v >= threshold))
        waiting = np.maximum(waiting - 1, 0)
        v[fired], waiting[fired] = reset, REFRACTORY_STEPS
        for neuron in fired[fired < EXCITATORY]:
            trains[neuron].append((step + 1) * STEP_MS)
        rings[(step + 1) % 16, 0] += rng.poisson(DRIVE_HZ * STEP_MS / 1000, NEURONS) * one
        common = rng.poisson(INPUT_HZ[step // steps] * STEP_MS / 1000, SOURCES)
        for source in (*fired, *(NEURONS + np.flatnonzero(common))):
            count = common[source - NEURONS] if source >= NEURONS else 1
            port = int(EXCITATORY <= source < NEURONS)
            np.add.at(rings, ((step + net.delays[source]) % 16, port, net.targets[source]), weights[source] * count)
    return [np.array(train) for train in trains]


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw once, run twice, write both."""
    parser = argparse.ArgumentParser(prog="fixed_point.py", description="The paper's network in double precision and in S16.15.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stage", type=float, default=1000.0, metavar="MS", help="length of each of the four stages (default 1000)")
    parser.add_argument("--output", type=Path, default=Path("fixed-point"), metavar="DIR")
    o = parser.parse_args(arguments)
    if o.seed < 0 or o.stage < STEP_MS:
        parser.error(f"--seed must be 0 or more, and --stage at least {STEP_MS:g} ms")
    began = time.perf_counter()
    net = draw(np.random.default_rng([o.seed, 0]))
    built = time.perf_counter() - began
    for name, exact in (("double", Arithmetic(None)), ("fixed", Arithmetic(POINT))):
        began = time.perf_counter()
        trains = simulate(net, exact, o.seed, o.stage)
        spent = {
            "build_s": built,
            "run_s": time.perf_counter() - began,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        write(argparse.Namespace(stage=o.stage, timestep=STEP_MS, threads=1, output=o.output / name), trains, spent, 1)


if __name__ == "__main__":
    main()
