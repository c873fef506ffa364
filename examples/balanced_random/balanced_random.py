"""The paper's own case study: the balanced random network of the sPyNNaker examples, in this project's words, with its parameters.

    python3 balanced_random.py                        # NEST, four times 1000 ms
    PYNN_SIMULATOR=spiNNaker python3 balanced_random.py

Parameters follow `balanced_random/balanced_random.py` of SpiNNakerManchester/PyNNExamples. Between simulators only the import changes, and
one argument that sPyNNaker has and PyNN 0.13 refuses (`additional_parameters`); README.md says more.

Without options the script does what the original does. The options shorten it, seed it, or change time step, neuron or synapse for a
comparison. It writes spikes-excitatory.nix (Neo, times in ms) and metrics.json. Under MPI, rank 0 writes for all ranks.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

INPUT_HZ = (0.0, 50.0, 10.0, 20.0)
"""Rate of the 100 common sources in each of the four stages."""
EXCITATORY, INHIBITORY, SOURCES = 400, 100, 100
PROBABILITY = 0.1
DRIVE_HZ = 1000.0
WEIGHT_EXC, WEIGHT_INH, WEIGHT_INPUT = 0.1, -0.5, 0.001
"""nA, means of clipped normal distributions."""
DELAY_EXC = {"mu": 1.5, "sigma": 0.75, "low": 1.0, "high": 14.4}
DELAY_INH = {"mu": 0.75, "sigma": 0.375, "low": 1.0, "high": 14.4}
"""ms."""
NESTML_NEURON = {"C_m": 1000.0, "tau_m": 20.0, "tau_syn_exc": 5.0, "tau_syn_inh": 5.0, "refr_T": 0.1, "E_L": -65.0, "V_reset": -65.0,
                 "V_th": -50.0, "I_e": 0.0}  # fmt: skip
"""PyNN's default IF_curr_exp in the words of models/lif_exp.nestml: pF, ms, mV, pA."""
SYNAPSES = {
    "stdp_synapse": {"lambda": 0.005, "alpha": 1.2, "mu_plus": 0.0, "mu_minus": 0.0, "Wmax": 400.0, "tau_plus": 20.0},
    "stdp_synapse__with_lif_exp": {"A_plus": 2.0, "A_minus": 2.4, "w_max": 400.0, "tau_plus": 20.0, "tau_minus": 20.0},
}
"""NEST's own additive STDP, and models/stdp_synapse.nestml with the same values (pA, ms)."""


class Draws:
    """Random numbers: without a seed PyNN's default, as in the original; with a seed the same numbers on every rank and in every run."""

    def __init__(self, seed: int | None) -> None:
        self.random = importlib.import_module("pyNN.random")
        self.keywords = {"rng": self.random.NumpyRNG(seed=seed)} if seed is not None else {}

    def normal(self, **bounds: float) -> Any:
        return self.random.RandomDistribution("normal_clipped", **bounds, **self.keywords)

    def uniform(self, low: float, high: float) -> Any:
        return self.random.RandomDistribution("uniform", low=low, high=high, **self.keywords)


class Maker:
    """Makes the parts of the network; whatever differs between simulators and options is here."""

    def __init__(self, o: argparse.Namespace) -> None:
        try:
            self.sim: Any = importlib.import_module(f"pyNN.{o.simulator}")  # the one line that changes
        except ImportError as error:
            raise SystemExit(f"balanced_random.py: cannot import pyNN.{o.simulator} ({error}); $PYNN_SIMULATOR names it") from error
        self.o, self.on_nest = o, o.simulator == "nest"
        self.draws = Draws(o.seed if self.on_nest else None)  # sPyNNaker draws on the machine and refuses seeds here
        self.made = 0
        self.sim.setup(timestep=o.timestep, **(self.settings() if self.on_nest else {}))
        if o.model:
            self.sim.nest.Install(o.module)

    def settings(self) -> dict[str, Any]:
        """What only NEST has."""
        seeded = {"rng_seed": self.o.seed} if self.o.seed is not None else {}
        return seeded | {"threads": self.o.threads} | ({"spike_precision": "on_grid"} if self.o.on_grid else {})

    def neurons(self, size: int, label: str) -> Any:
        """Neurons with PyNN's default parameters, or those of a compiled NESTML model, with a random start."""
        start = self.draws.uniform(-65.0, -55.0)
        if self.o.model:
            kind = self.sim.native_cell_type(self.o.model)
            kind.default_parameters = dict(NESTML_NEURON)  # PyNN would set NESTML's internals too, which NEST refuses
            cells = self.sim.Population(size, kind(**NESTML_NEURON), label=label)
            cells.initialize(V_m=start)
            return cells
        cells = self.sim.Population(size, self.sim.IF_curr_exp(), label=label, **self.on_spinnaker(spikes_per_second=100))
        cells.initialize(v=start)
        return cells

    def poisson(self, size: int, rate_hz: float, label: str) -> Any:
        """Independent sources."""
        return self.sim.Population(size, self.sim.SpikeSourcePoisson(rate=rate_hz), label=label, **self.on_spinnaker())

    def on_spinnaker(self, **own: int) -> dict[str, Any]:
        """What only sPyNNaker's populations take: PyNN 0.13 has no `additional_parameters`. Each population gets a seed of its own."""
        self.made += 1
        seeded = {} if self.o.seed is None else {"seed": 100 * self.o.seed + self.made}
        return {} if self.on_nest or not (own or seeded) else {"additional_parameters": {**own, **seeded}}

    def join(self, source: Any, target: Any, connector: Any, weight: Any, delay: Any, *, learns: bool = False) -> Any:
        """A projection; its receptor follows the weights' sign. A synapse that learns is NEST's own, in NEST's units."""
        negative = source.label == "Inhibitory"
        if learns and self.o.synapse:
            kind, own = self.sim.native_synapse_type(self.o.synapse), SYNAPSES[self.o.synapse]
            kind.default_parameters = {
                "weight": 1.0,
                "delay": 1.0,
                **own,
            }  # NESTML's has `w` beside `weight`, and NEST refuses both at once
            synapse = kind(weight=1000.0 * WEIGHT_EXC, delay=delay, **own)
        else:
            synapse = self.sim.StaticSynapse(weight=weight, delay=delay)
        return self.sim.Projection(source, target, connector, synapse, receptor_type="inhibitory" if negative else "excitatory")

    def at_random(self) -> Any:
        return self.sim.FixedProbabilityConnector(PROBABILITY, **self.draws.keywords)


def build(make: Maker) -> tuple[Any, Any]:
    """The whole network; returns the excitatory neurons and the common sources."""
    draws, sim = make.draws, make.sim
    common = make.poisson(SOURCES, INPUT_HZ[0], "Input")
    excitatory, inhibitory = make.neurons(EXCITATORY, "Excitatory"), make.neurons(INHIBITORY, "Inhibitory")
    strong, delay = draws.normal(mu=WEIGHT_EXC, sigma=0.1, low=0, high=np.inf), draws.normal(**DELAY_EXC)
    make.join(excitatory, excitatory, make.at_random(), strong, delay, learns=True)
    make.join(excitatory, inhibitory, make.at_random(), strong, delay)
    strong, delay = draws.normal(mu=WEIGHT_INH, sigma=0.1, low=-np.inf, high=0), draws.normal(**DELAY_INH)
    make.join(inhibitory, inhibitory, make.at_random(), strong, delay)
    make.join(inhibitory, excitatory, make.at_random(), strong, delay)
    for target in (excitatory, inhibitory):
        drive = make.poisson(target.size, DRIVE_HZ, f"Stim {target.label}")
        make.join(drive, target, sim.OneToOneConnector(), WEIGHT_EXC, 1.0)
    weak, delay = draws.normal(mu=WEIGHT_INPUT, sigma=0.01, low=0, high=np.inf), draws.normal(**DELAY_EXC)
    make.join(common, excitatory, sim.AllToAllConnector(), weak, delay)
    excitatory.record("spikes")
    return excitatory, common


def run(make: Maker) -> tuple[list[np.ndarray], dict[str, float]]:
    """Build, and run the four stages; spike times in ms for each excitatory neuron, and what it took in s and MB."""
    began = time.perf_counter()
    excitatory, common = build(make)
    built = time.perf_counter()
    for number, rate_hz in enumerate(INPUT_HZ):
        if number:
            common.set(rate=rate_hz)
        make.sim.run(make.o.stage)
    ran = time.perf_counter()
    segment = excitatory.get_data("spikes", gather=True).segments[-1]
    trains = [np.asarray(train.rescale("ms").magnitude, dtype=float) for train in segment.spiketrains]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return trains, {"build_s": built - began, "run_s": ran - built, "memory_mb": memory}


def write(o: argparse.Namespace, trains: list[np.ndarray], spent: dict[str, float], ranks: int) -> None:
    """Spikes and figures, into the output folder."""
    neo = importlib.import_module("neo")
    stop_ms = o.stage * len(INPUT_HZ)
    block, segment = neo.Block(name="Excitatory"), neo.Segment(name="run")
    segment.spiketrains.extend([neo.SpikeTrain(train, units="ms", t_start=0.0, t_stop=stop_ms + o.timestep) for train in trains])
    block.segments.append(segment)
    o.output.mkdir(parents=True, exist_ok=True)
    with neo.NixIO(str(o.output / "spikes-excitatory.nix"), mode="ow") as file:
        file.write_block(block)
    spikes = np.concatenate(trains) if trains else np.array([])
    counts = np.histogram(spikes, np.arange(len(INPUT_HZ) + 1) * o.stage)[0]
    rates = {f"rate_stage_{n}_hz": 1000.0 * int(count) / (len(trains) * o.stage) for n, count in enumerate(counts)}
    setting = {"timestep_ms": o.timestep, "stage_ms": o.stage, "duration_ms": stop_ms, "ranks": ranks, "threads": o.threads}
    told = json.dumps({**setting, "spikes": len(spikes), **rates, **spent}, indent=2) + "\n"
    (o.output / "metrics.json").write_text(told, encoding="utf-8")
    print(told, end="")


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse; a wrong value ends with one message and exit code 2."""
    parser = argparse.ArgumentParser(prog="balanced_random.py", description="The balanced random network of the sPyNNaker examples.")
    parser.add_argument("--simulator", default=os.environ.get("PYNN_SIMULATOR", "nest"), help="default: $PYNN_SIMULATOR, or nest")
    parser.add_argument("--timestep", type=float, default=0.1, metavar="MS", help="default 0.1; delays are rounded to it")
    parser.add_argument("--stage", type=float, default=1000.0, metavar="MS", help="length of each of the four stages (default 1000)")
    parser.add_argument("--seed", type=int, help="default: none, as in the original; a run cannot be repeated then")
    parser.add_argument("--threads", type=int, default=os.environ.get("OMP_NUM_THREADS", "1"), help="of NEST, for each rank")
    parser.add_argument("--on-grid", action="store_true", help="NEST: spikes at the ends of steps, not between them (PyNN's default)")
    parser.add_argument("--model", choices=("lif_exp", "lif_exp__with_stdp_synapse"), help="NEST: the neuron of a compiled NESTML model")
    parser.add_argument("--module", default="./lif_exp_module", help="where `run --model` puts it (default ./lif_exp_module)")
    parser.add_argument("--synapse", choices=sorted(SYNAPSES), help="NEST: a plastic synapse among excitatory neurons")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="default: the current directory")
    given = parser.parse_args(arguments)
    if given.simulator != "nest" and (given.model or given.synapse or given.on_grid):
        parser.error(f"--model, --synapse and --on-grid are for NEST, not for {given.simulator}")
    if given.timestep <= 0 or given.timestep > DELAY_EXC["low"]:
        parser.error(f"--timestep {given.timestep:g}: delays begin at {DELAY_EXC['low']:g} ms; give a step from above 0 up to that")
    if not given.stage >= given.timestep or given.threads < 1:
        parser.error("--stage must be at least one time step, and --threads at least 1")
    return given


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and let rank 0 write."""
    o = options(arguments)
    make = Maker(o)
    trains, spent = run(make)
    if not make.on_nest or make.sim.rank() == 0:
        write(o, trains, spent, make.sim.num_processes() if make.on_nest else 1)
    make.sim.end()


if __name__ == "__main__":
    main()
