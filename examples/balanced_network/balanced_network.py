"""The balanced random network: one PyNN script for NEST and for SpiNNaker.

Brunel (2000), "Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons", J. Comput. Neurosci. 8,
in the form of Singh et al. (2026, arXiv 2606.08515): Gaussian weights and delays, Poisson drive, asynchronous irregular state.

    python3 balanced_network.py --simulator nest --neurons 5000 --duration 1000

It is one file, because one file is what travels to a site, and what a run record names by its hash.

Writes spikes-excitatory.nix, spikes-inhibitory.nix (Neo blocks, times in ms) and metrics.json. Under MPI rank 0 writes, for all ranks.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

# --- The model: values, units, sources ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameters:
    """The network's constants. [B] Brunel (2000), model A; [S] Singh et al. (2026); [P] Potjans & Diesmann (2014)."""

    excitatory_fraction: float = 0.8  # E:I = 4:1 [B, S]
    connection_probability: float = (
        0.1  # as inputs per neuron over neurons, the same number for each neuron [B]; [S] has only the mean fixed
    )
    tau_m_ms: float = 20.0  # membrane time constant [B]
    tau_refrac_ms: float = 2.0  # [B]
    v_rest_mv: float = 0.0  # potentials are relative to rest [B]
    v_reset_mv: float = 10.0  # [B]
    v_thresh_mv: float = 20.0  # [B]
    cm_nf: float = 0.25  # only sets the scale of the currents [P]
    tau_syn_ms: float = 2.0  # ours: [B] has delta pulses; two ticks of SpiNNaker's clock of 1 ms is the shortest sound choice
    psp_mv: float = 0.1  # J, jump of the membrane for one excitatory spike, at `reference_indegree` inputs [B]
    reference_indegree: int = 1000  # excitatory inputs of a neuron in [B] (12,500 neurons)
    inhibition: float = 6.0  # g, inhibitory over excitatory weight; > 4: inhibition dominates [B]
    drive: float = 2.0  # eta, Poisson drive over the drive that just reaches threshold [B]
    weight_spread: float = 0.1  # standard deviation over mean [P]
    delay_ms: float = 1.5  # mean [B]
    delay_deviation_ms: float = 0.5  # ours
    delay_min_ms: float = 0.5  # ours, and mirrored above the mean, so that clipping does not move it; NEST exchanges spikes this often
    transient_ms: float = 200.0  # discarded before any statistics; ten membrane time constants
    min_spikes: int = 5  # a neuron with fewer has no useful CV and is left out of the mean


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution, redrawn outside [low, high], so that weights keep their sign and delays reach the next time step."""

    mean: float
    deviation: float
    low: float
    high: float


@dataclass(frozen=True)
class Network:
    """What is built: the parameters, scaled to a size and a time step."""

    excitatory: int
    inhibitory: int
    weight_excitatory_na: Gaussian
    weight_inhibitory_na: Gaussian
    delay_ms: Gaussian
    drive_hz: float  # summed rate of a neuron's external inputs
    inputs_excitatory: int
    inputs_inhibitory: int

    @property
    def synapses(self) -> int:
        """Of the recurrent network."""
        return (self.excitatory + self.inhibitory) * (self.inputs_excitatory + self.inputs_inhibitory)


def weight(mean: float, spread: float) -> Gaussian:
    """Bounds at zero and at twice the mean: symmetric, so that clipping does not move the mean."""
    low, high = sorted((0.0, 2 * mean))
    return Gaussian(mean, spread * abs(mean), low, high)


def network(p: Parameters, neurons: int, timestep_ms: float) -> Network:
    """Scale to `neurons`: J shrinks as the number of inputs grows, so that the mean input stays (van Albada et al. 2015)."""
    excitatory = round(neurons * p.excitatory_fraction)
    inputs_excitatory = round(excitatory * p.connection_probability)
    psp_mv = p.psp_mv * p.reference_indegree / inputs_excitatory
    charge_na = psp_mv * p.cm_nf / p.tau_syn_ms  # this current, decaying with tau_syn, moves the membrane by psp_mv
    return Network(
        excitatory=excitatory,
        inhibitory=neurons - excitatory,
        inputs_excitatory=inputs_excitatory,
        inputs_inhibitory=round((neurons - excitatory) * p.connection_probability),
        weight_excitatory_na=weight(charge_na, p.weight_spread),
        weight_inhibitory_na=weight(-p.inhibition * charge_na, p.weight_spread),
        delay_ms=Gaussian(p.delay_ms, p.delay_deviation_ms, max(timestep_ms, p.delay_min_ms), 2 * p.delay_ms - p.delay_min_ms),
        drive_hz=1000 * p.drive * (p.v_thresh_mv - p.v_rest_mv) / (psp_mv * p.tau_m_ms),
    )


# --- The backends: everything that differs between simulators is here ------------------------------------------------------


class Backend:
    """PyNN's common interface, as any backend has it; used as it is for SpiNNaker, in real time with ticks of 1 ms."""

    module = "pyNN.spiNNaker"
    timestep_ms = 1.0

    def __init__(self, o: Options, delays: Gaussian) -> None:
        try:
            self.sim: Any = importlib.import_module(self.module)
        except ImportError as error:
            raise SystemExit(f"balanced_network.py: cannot import {self.module} ({error}): install PyNN and that simulator here") from error
        self.seed = o.seed
        self.sim.setup(timestep=self.timestep_ms, min_delay=delays.low, **self.settings(o, delays))

    def settings(self, o: Options, delays: Gaussian) -> dict[str, Any]:  # noqa: ARG002  the hardware has no such choices
        """Arguments of `setup` that only this simulator has."""
        return {}

    def population_settings(self) -> dict[str, Any]:
        """Arguments of `Population` that only this simulator has: sPyNNaker draws on the machine, and is seeded here."""
        return {"seed": self.seed}

    def random(self, distribution: str, **parameters: float) -> Any:
        """Random numbers drawn by the simulator."""
        return self.sim.RandomDistribution(distribution, **parameters)

    def gaussian(self, g: Gaussian) -> Any:
        """A clipped normal distribution, for synapses."""
        return self.random("normal_clipped", mu=g.mean, sigma=g.deviation, low=g.low, high=g.high)

    def connect(self, source: Any, target: Any, inputs: int, weights: Gaussian, delays: Gaussian) -> None:
        """Give each target neuron this many random inputs."""
        sim = self.sim
        sim.Projection(
            source,
            target,
            sim.FixedNumberPreConnector(inputs, allow_self_connections=False, with_replacement=False),
            sim.StaticSynapse(weight=self.gaussian(weights), delay=self.gaussian(delays)),
            receptor_type="excitatory" if weights.mean > 0 else "inhibitory",
        )

    def drive(self, target: Any, rate_hz: float, weight_na: float, delay_ms: float) -> None:
        """Give each neuron an independent Poisson train."""
        sim = self.sim
        source = sim.Population(
            target.size, sim.SpikeSourcePoisson(rate=rate_hz), label=f"drive {target.label}", **self.population_settings()
        )
        sim.Projection(source, target, sim.OneToOneConnector(), sim.StaticSynapse(weight=weight_na, delay=delay_ms))


class Nest(Backend):
    """NEST draws connections, weights and delays in its kernel, in parallel.

    PyNN 0.13 loops over neurons for them; its native path cannot clip, and reads all synapses back into Python (25 of 30 s at
    5000 neurons), so `connect` and `drive` speak to NEST.
    """

    module = "pyNN.nest"
    timestep_ms = 0.1

    def settings(self, o: Options, delays: Gaussian) -> dict[str, Any]:
        """Delays bound the exchange between ranks: they are named, or NEST would exchange spikes every step."""
        return {"max_delay": delays.high, "rng_seed": o.seed, "threads": o.threads, "spike_precision": "on_grid"}

    def population_settings(self) -> dict[str, Any]:
        """None: the kernel is seeded."""
        return {}

    def random(self, distribution: str, **parameters: float) -> Any:
        """The same numbers on every rank, of which PyNN takes the local ones."""
        # Before 0.11, PyNN has them in `pyNN.random` alone.
        place = self.sim if hasattr(self.sim, "RandomDistribution") else importlib.import_module("pyNN.random")
        return place.RandomDistribution(distribution, **parameters, rng=place.NumpyRNG(seed=self.seed))

    def gaussian(self, g: Gaussian) -> Any:
        """A NEST parameter, evaluated once per synapse."""
        nest = self.sim.nest
        return nest.math.redraw(nest.random.normal(mean=g.mean, std=g.deviation), min=g.low, max=g.high)

    def connect(self, source: Any, target: Any, inputs: int, weights: Gaussian, delays: Gaussian) -> None:
        """NEST's own rule for the same connections."""
        nest = self.sim.nest
        nest.Connect(
            source.node_collection,
            target.node_collection,
            {"rule": "fixed_indegree", "indegree": inputs, "allow_autapses": False, "allow_multapses": False},
            {"weight": 1000 * self.gaussian(weights), "delay": self.gaussian(delays)},  # PyNN: nA, NEST: pA
        )

    def drive(self, target: Any, rate_hz: float, weight_na: float, delay_ms: float) -> None:
        """One generator sends each target its own train; PyNN's source would add a relay neuron, and its spikes, per target."""
        nest = self.sim.nest
        generator = nest.Create("poisson_generator", params={"rate": rate_hz})
        nest.Connect(generator, target.node_collection, syn_spec={"weight": 1000 * weight_na, "delay": delay_ms})


BACKENDS: dict[str, type[Backend]] = {"nest": Nest, "spinnaker": Backend}

# --- Build and run --------------------------------------------------------------------------------------------------------


def population(backend: Backend, size: int, label: str, p: Parameters, record: int | None) -> Any:
    """Neurons with a random start between reset and threshold, so that they do not fire together at first."""
    sim = backend.sim
    cell = sim.IF_curr_exp(
        tau_m=p.tau_m_ms,
        tau_refrac=p.tau_refrac_ms,
        v_rest=p.v_rest_mv,
        v_reset=p.v_reset_mv,
        v_thresh=p.v_thresh_mv,
        cm=p.cm_nf,
        tau_syn_E=p.tau_syn_ms,
        tau_syn_I=p.tau_syn_ms,
    )
    start = backend.random("uniform", low=p.v_reset_mv, high=p.v_thresh_mv)
    cells = sim.Population(size, cell, initial_values={"v": start}, label=label, **backend.population_settings())
    cells[: min(size, record or size)].record("spikes")
    return cells


# --- Statistics -----------------------------------------------------------------------------------------------------------


def mean_rate_hz(trains: Sequence[np.ndarray], start_ms: float, stop_ms: float) -> float:
    """Spikes per neuron and second in [start, stop), over all recorded neurons, the silent ones too; nan if there are none."""
    spikes = sum(int(np.count_nonzero((train >= start_ms) & (train < stop_ms))) for train in trains)
    return 1000 * spikes / (len(trains) * (stop_ms - start_ms)) if trains else math.nan


def mean_cv_isi(trains: Sequence[np.ndarray], start_ms: float, min_spikes: int) -> float:
    """Coefficient of variation of the inter-spike intervals after `start_ms`: mean over neurons with at least `min_spikes`, else nan.

    0 is a clock, 1 a Poisson process.
    """
    late = (np.sort(train[train >= start_ms]) for train in trains)
    intervals = [np.diff(train) for train in late if len(train) >= min_spikes]
    return float(np.mean([np.std(isi) / np.mean(isi) for isi in intervals])) if intervals else math.nan


@dataclass(frozen=True)
class Metrics:
    """What one run is summed up to; the keys of metrics.json. Times in s are wall clock, on rank 0."""

    neurons: int
    synapses: int  # of the recurrent network, without the drive
    build_time_s: float
    simulation_time_s: float
    simulated_ms: float
    rate_excitatory_hz: float
    rate_inhibitory_hz: float
    cv_isi_excitatory: float
    cv_isi_inhibitory: float
    ranks: int
    threads: int

    def as_json(self) -> str:
        """A value that is not a number becomes null: JSON has no nan."""
        values = {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in asdict(self).items()}
        return json.dumps(values, indent=2, allow_nan=False) + "\n"


# --- Output ---------------------------------------------------------------------------------------------------------------


def write_spikes(path: Path, label: str, trains: Sequence[np.ndarray], stop_ms: float) -> None:
    """One Neo block with one segment with one spike train per recorded neuron, as NIX; an older file is replaced."""
    neo = importlib.import_module("neo")
    block, segment = neo.Block(name=label), neo.Segment(name="run")
    # a list: Neo's `extend` goes through its argument twice
    segment.spiketrains.extend([neo.SpikeTrain(train, units="ms", t_start=0.0, t_stop=stop_ms) for train in trains])
    block.segments.append(segment)
    with neo.NixIO(str(path), mode="ow") as file:
        file.write_block(block)


def spike_trains(cells: Any) -> list[np.ndarray]:
    """Spike times in ms per recorded neuron; PyNN gathers those of all ranks to rank 0, so every rank must call this."""
    segment = cells.get_data("spikes", gather=True).segments[-1]
    return [np.asarray(train.rescale("ms").magnitude, dtype=float) for train in segment.spiketrains]


# --- Command line ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Options:
    """The command line, checked."""

    simulator: str
    neurons: int
    duration_ms: float
    seed: int
    threads: int
    record: int | None  # neurons per population; None: all
    output: Path


def options(arguments: Sequence[str] | None = None) -> Options:
    """Parse; a wrong value ends with one message and exit code 2."""
    p = Parameters()
    parser = argparse.ArgumentParser(prog="balanced_network.py", description="Balanced random network, on NEST or SpiNNaker.")
    parser.add_argument(
        "--simulator",
        choices=sorted(BACKENDS),
        default=os.environ.get("PYNN_SIMULATOR", "nest").lower(),
        help="default: $PYNN_SIMULATOR, or nest",
    )
    parser.add_argument("--neurons", type=int, default=5000, help="in total, 4 of 5 excitatory (default 5000; Brunel: 12500)")
    parser.add_argument("--duration", type=float, default=1000.0, metavar="MS", help="biological time (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.environ.get("OMP_NUM_THREADS", "1"), help="default: OMP_NUM_THREADS, or 1")
    parser.add_argument(
        "--record", default="200", metavar="N", help="neurons per population that are recorded (default 200), or all: 16 kB each in NIX"
    )
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="default: the current directory")
    given = parser.parse_args(arguments)
    record = None if given.record == "all" else int(given.record) if given.record.isdecimal() else 0
    for wrong, message in (
        (given.neurons < 100 or given.neurons % 5, f"--neurons {given.neurons}: give a multiple of 5 from 100 on"),
        (
            not p.transient_ms < given.duration < math.inf,
            f"--duration {given.duration:g}: give more than the transient, {p.transient_ms:g} ms",
        ),
        (not 0 < given.seed < 2**32 - 1, f"--seed {given.seed}: give a number from 1 to 2^32 - 2"),
        (given.threads < 1, f"--threads {given.threads}: give 1 or more"),
        (record is not None and record < 1, f"--record {given.record}: give a number from 1 on, or all"),
    ):
        if wrong:
            parser.error(message)
    return Options(given.simulator, given.neurons, given.duration, given.seed, given.threads, record, given.output)


def build(backend: Backend, net: Network, p: Parameters, record: int | None) -> list[Any]:
    """Make the two populations, excitatory first, connect and drive them."""
    populations = [
        population(backend, net.excitatory, "excitatory", p, record),
        population(backend, net.inhibitory, "inhibitory", p, record),
    ]
    for source, inputs, weights in zip(
        populations, (net.inputs_excitatory, net.inputs_inhibitory), (net.weight_excitatory_na, net.weight_inhibitory_na), strict=True
    ):
        for target in populations:
            backend.connect(source, target, inputs, weights, net.delay_ms)
    for target in populations:
        backend.drive(target, net.drive_hz, net.weight_excitatory_na.mean, net.delay_ms.low)
    return populations


def measure(o: Options, p: Parameters) -> tuple[Backend, list[list[np.ndarray]], Metrics]:
    """Build, run, gather, sum up."""
    net = network(p, o.neurons, BACKENDS[o.simulator].timestep_ms)
    backend = BACKENDS[o.simulator](o, net.delay_ms)
    began = time.perf_counter()
    populations = build(backend, net, p, o.record)
    built = time.perf_counter()
    backend.sim.run(o.duration_ms)
    ran = time.perf_counter()
    trains = [spike_trains(cells) for cells in populations]
    rates = [mean_rate_hz(each, p.transient_ms, o.duration_ms) for each in trains]
    cvs = [mean_cv_isi(each, p.transient_ms, p.min_spikes) for each in trains]
    ranks = backend.sim.num_processes()
    metrics = Metrics(o.neurons, net.synapses, built - began, ran - built, o.duration_ms, *rates, *cvs, ranks, o.threads)
    return backend, trains, metrics


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and let rank 0 write."""
    o, p = options(arguments), Parameters()
    backend, trains, metrics = measure(o, p)
    if backend.sim.rank() == 0:
        o.output.mkdir(parents=True, exist_ok=True)
        for label, each in zip(("excitatory", "inhibitory"), trains, strict=True):
            write_spikes(o.output / f"spikes-{label}.nix", label, each, o.duration_ms)
        (o.output / "metrics.json").write_text(metrics.as_json(), encoding="utf-8")
        print(metrics.as_json(), end="")
    backend.sim.end()


if __name__ == "__main__":
    main()
