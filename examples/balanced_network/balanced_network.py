"""The balanced random network: one PyNN script for NEST and for SpiNNaker.

Brunel (2000), "Dynamics of sparsely connected networks of excitatory and inhibitory spiking neurons", J. Comput. Neurosci. 8,
in the form of Singh et al. (2026, arXiv 2606.08515): Gaussian weights and delays, Poisson drive, asynchronous irregular state.

    python3 balanced_network.py --simulator nest --neurons 5000 --duration 1000

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
    connection_probability: float = 0.1  # [B, S]
    tau_m_ms: float = 20.0  # membrane time constant [B]
    tau_refrac_ms: float = 2.0  # [B]
    v_rest_mv: float = 0.0  # potentials are relative to rest [B]
    v_reset_mv: float = 10.0  # [B]
    v_thresh_mv: float = 20.0  # [B]
    cm_nf: float = 0.25  # only sets the scale of the currents [P]
    tau_syn_ms: float = 2.0  # ours: [B] has delta pulses; two ticks of SpiNNaker's clock of 1 ms is the shortest sound choice
    psp_mv: float = 0.1  # J, jump of the membrane for one excitatory spike, at `reference_indegree` [B]
    reference_indegree: int = 1000  # excitatory inputs of a neuron in [B] (12,500 neurons)
    inhibition: float = 5.0  # g, inhibitory over excitatory weight; > 4: inhibition dominates [B]
    drive: float = 2.0  # eta, Poisson drive over the drive that just reaches threshold [B]
    weight_spread: float = 0.1  # standard deviation over mean [P]
    delay_ms: float = 1.5  # mean [B]
    delay_spread: float = 0.5  # standard deviation over mean [P]
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


def weight(mean: float, spread: float) -> Gaussian:
    """Bounds at zero and at twice the mean: symmetric, so that clipping does not move the mean."""
    low, high = sorted((0.0, 2 * mean))
    return Gaussian(mean, spread * abs(mean), low, high)


def network(p: Parameters, neurons: int, timestep_ms: float) -> Network:
    """Scale to `neurons`: J shrinks as the number of inputs grows, so the mean input, and with it the rate, stays (van Albada 2015)."""
    excitatory = round(neurons * p.excitatory_fraction)
    psp_mv = p.psp_mv * p.reference_indegree / (excitatory * p.connection_probability)
    charge_na = psp_mv * p.cm_nf / p.tau_syn_ms  # this current, decaying with tau_syn, moves the membrane by psp_mv
    delay_deviation = p.delay_spread * p.delay_ms
    return Network(
        excitatory=excitatory,
        inhibitory=neurons - excitatory,
        weight_excitatory_na=weight(charge_na, p.weight_spread),
        weight_inhibitory_na=weight(-p.inhibition * charge_na, p.weight_spread),
        delay_ms=Gaussian(p.delay_ms, delay_deviation, max(timestep_ms, 0.1), p.delay_ms + 3 * delay_deviation),
        drive_hz=1000 * p.drive * (p.v_thresh_mv - p.v_rest_mv) / (psp_mv * p.tau_m_ms),
    )


# --- The backends: everything that differs between simulators is here ------------------------------------------------------


class Backend:
    """PyNN's common interface, as any backend has it; used as it is for SpiNNaker, in real time with ticks of 1 ms."""

    module = "pyNN.spiNNaker"
    timestep_ms = 1.0

    def __init__(self, seed: int, threads: int, max_delay_ms: float) -> None:
        try:
            self.sim: Any = importlib.import_module(self.module)
        except ImportError as error:
            raise SystemExit(f"balanced_network.py: cannot import {self.module} ({error}): install PyNN and that simulator here") from error
        self.rng = self.sim.NumpyRNG(seed=seed)
        self.setup(seed, threads, max_delay_ms)

    def setup(self, seed: int, threads: int, max_delay_ms: float) -> None:  # noqa: ARG002  the hardware has neither
        """Start the simulator."""
        self.sim.setup(timestep=self.timestep_ms)

    def random(self, g: Gaussian) -> Any:
        """A distribution for synapses."""
        return self.sim.RandomDistribution("normal_clipped", mu=g.mean, sigma=g.deviation, low=g.low, high=g.high, rng=self.rng)

    def drive(self, population: Any, rate_hz: float, weight_na: float) -> None:
        """Give each neuron an independent Poisson train."""
        sim = self.sim
        source = sim.Population(population.size, sim.SpikeSourcePoisson(rate=rate_hz), label=f"drive {population.label}")
        sim.Projection(source, population, sim.OneToOneConnector(), sim.StaticSynapse(weight=weight_na, delay=self.timestep_ms))


class Nest(Backend):
    """NEST: connections, weights and delays are drawn in NEST's kernel, in parallel, instead of neuron by neuron in Python."""

    module = "pyNN.nest"
    timestep_ms = 0.1

    def setup(self, seed: int, threads: int, max_delay_ms: float) -> None:
        """Start the simulator."""
        self.sim.setup(
            timestep=self.timestep_ms,
            min_delay=self.timestep_ms,
            max_delay=max_delay_ms,
            rng_seed=seed,
            threads=threads,
            spike_precision="on_grid",
        )

    def random(self, g: Gaussian) -> Any:
        """A native distribution also makes PyNN's FixedProbabilityConnector use NEST's own rule (pairwise_bernoulli)."""
        return self.sim.RandomDistribution(
            "normal_clipped", mu=g.mean, sigma=g.deviation, low=g.low, high=g.high, rng=native_clipping_rng()
        )

    def drive(self, population: Any, rate_hz: float, weight_na: float) -> None:
        """One generator sends each target its own train; PyNN's source would add a relay neuron, and its spikes, per target."""
        nest = self.sim.nest
        generator = nest.Create("poisson_generator", params={"rate": rate_hz})
        picoampere = 1000 * weight_na
        nest.Connect(generator, population.node_collection, syn_spec={"weight": picoampere, "delay": self.timestep_ms})


def native_clipping_rng() -> Any:
    """PyNN's RNG that draws in NEST, with clipping, which PyNN 0.13 leaves out (`NativeRNG.translations`)."""
    random = importlib.import_module("pyNN.nest.random")
    nest = importlib.import_module("nest")

    class Clipped(random.NESTRandomDistribution):  # type: ignore[misc, name-defined]
        def __mul__(self, factor: float) -> Clipped:  # PyNN converts units: nA to pA
            return Clipped(self.name, {name: value * factor for name, value in self.parameters.items()})

        def as_nest_object(self) -> Any:
            p = self.parameters
            return nest.math.redraw(nest.random.normal(mean=p["mu"], std=p["sigma"]), min=p["low"], max=p["high"])

    class ClippingRNG(random.NativeRNG):  # type: ignore[misc, name-defined]
        def next(self, n: Any = None, distribution: Any = None, parameters: Any = None, mask: Any = None) -> Clipped:  # noqa: ARG002
            return Clipped(distribution, parameters)

    return ClippingRNG()


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
    start = sim.RandomDistribution("uniform", low=p.v_reset_mv, high=p.v_thresh_mv, rng=backend.rng)
    cells = sim.Population(size, cell, initial_values={"v": start}, label=label)
    cells[: min(size, record or size)].record("spikes")
    return cells


def connect(backend: Backend, source: Any, target: Any, weights: Gaussian, delays: Gaussian, p: Parameters) -> Any:
    """Each pair with the same probability; the sign of the weight says which receptor."""
    sim = backend.sim
    return sim.Projection(
        source,
        target,
        sim.FixedProbabilityConnector(p.connection_probability, allow_self_connections=False),
        sim.StaticSynapse(weight=backend.random(weights), delay=backend.random(delays)),
        receptor_type="excitatory" if weights.mean > 0 else "inhibitory",
    )


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
    segment.spiketrains.extend(neo.SpikeTrain(train, units="ms", t_start=0.0, t_stop=stop_ms) for train in trains)
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
    parser = argparse.ArgumentParser(prog="balanced_network.py", description="Balanced random network, on NEST or SpiNNaker.")
    parser.add_argument("--simulator", choices=sorted(BACKENDS), default="nest")
    parser.add_argument("--neurons", type=int, default=5000, help="in total, 4 of 5 excitatory (default 5000; Brunel: 12500)")
    parser.add_argument("--duration", type=float, default=1000.0, metavar="MS", help="biological time (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.environ.get("OMP_NUM_THREADS", "1"), help="default: OMP_NUM_THREADS, or 1")
    parser.add_argument("--record", default="500", metavar="N", help="neurons per population whose spikes are kept, or all")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="default: the current directory")
    given = parser.parse_args(arguments)
    record = None if given.record == "all" else int(given.record) if given.record.isdecimal() else 0
    for wrong, message in (
        (given.neurons < 100 or given.neurons % 5, f"--neurons {given.neurons}: give a multiple of 5 from 100 on"),
        (not given.duration > Parameters.transient_ms, f"--duration {given.duration}: the first {Parameters.transient_ms:g} ms …"),
        (not 0 < given.seed < 2**32 - 1, f"--seed {given.seed}: give a number from 1 to 2^32 - 2"),
        (given.threads < 1, f"--threads {given.threads}: give 1 or more"),
        (record is not None and record < 1, f"--record {given.record}: give a number from 1 on, or all"),
    ):
        if wrong:
            parser.error(message)
    return Options(given.simulator, given.neurons, given.duration, given.seed, given.threads, record, given.output)


def build(backend: Backend, net: Network, p: Parameters, record: int | None) -> tuple[list[Any], list[Any]]:
    """The two populations, excitatory first, and the projections between them."""
    excitatory = population(backend, net.excitatory, "excitatory", p, record)
    inhibitory = population(backend, net.inhibitory, "inhibitory", p, record)
    projections = []
    for source, weights in ((excitatory, net.weight_excitatory_na), (inhibitory, net.weight_inhibitory_na)):
        projections += [connect(backend, source, target, weights, net.delay_ms, p) for target in (excitatory, inhibitory)]
    for target in (excitatory, inhibitory):
        backend.drive(target, net.drive_hz, net.weight_excitatory_na.mean)
    return [excitatory, inhibitory], projections


def main(arguments: Sequence[str] | None = None) -> None:
    """Build, run, and let rank 0 write."""
    o, p = options(arguments), Parameters()
    net = network(p, o.neurons, BACKENDS[o.simulator].timestep_ms)
    backend = BACKENDS[o.simulator](o.seed, o.threads, net.delay_ms.high)
    sim = backend.sim
    began = time.perf_counter()
    populations, projections = build(backend, net, p, o.record)
    built = time.perf_counter()
    sim.run(o.duration_ms)
    ran = time.perf_counter()
    trains = [spike_trains(cells) for cells in populations]
    print("gather", time.perf_counter() - ran); ran2 = time.perf_counter()
    synapses = sum(projection.size() for projection in projections)
    print("count", time.perf_counter() - ran2); ran2 = time.perf_counter()
    if sim.rank() == 0:
        rates = [mean_rate_hz(each, p.transient_ms, o.duration_ms) for each in trains]
        cvs = [mean_cv_isi(each, p.transient_ms, p.min_spikes) for each in trains]
        metrics = Metrics(
            o.neurons, synapses, built - began, ran - built, o.duration_ms, *rates, *cvs, sim.num_processes(), o.threads
        )
        o.output.mkdir(parents=True, exist_ok=True)
        for cells, each in zip(populations, trains, strict=True):
            write_spikes(o.output / f"spikes-{cells.label}.nix", cells.label, each, o.duration_ms)
        (o.output / "metrics.json").write_text(metrics.as_json(), encoding="utf-8")
        print(metrics.as_json(), end="")
        print("write", time.perf_counter() - ran2)
    sim.end()


if __name__ == "__main__":
    main()
