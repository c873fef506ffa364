"""Measures one repetition of one point of a series: builds a model in NEST, runs it, and writes what it cost to bench/<repetition>.json.

    python3 measure.py --model hpc_benchmark.py --size 0.1 --warm-up-ms 50 --model-time-ms 250

The model's file has a class `Network(nest, size, settings)` with `create()`, `connect()` and, after `create`, `populations`
(name → nodes). It may have `expected_connections`. Times are wall clock in s; under MPI the largest of all ranks counts. Memory is in kB,
and the sum of all ranks counts.
"""

import argparse
import importlib
import json
import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import activity
import host
import meters


@dataclass(frozen=True)
class Asked:
    """The command line."""

    model: Path
    size: float
    warm_up_ms: float
    model_time_ms: float
    resolution_ms: float
    seed: int
    sample: int
    threads: int
    repetition: int

    @property
    def rng_seed(self) -> int:
        """Each repetition draws another network."""
        return self.seed + self.repetition - 1


def asked() -> Asked:
    """Read from it, and from the variables of the job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--size", type=float, required=True)
    parser.add_argument("--warm-up-ms", type=float, required=True)
    parser.add_argument("--model-time-ms", type=float, required=True)
    parser.add_argument("--resolution-ms", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=200, help="neurons of each population that are recorded")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--repetition", type=int, default=int(os.environ.get("ESD_REPETITION", "1")))
    return Asked(**vars(parser.parse_args()))


class Clock:
    """Wall-clock time of each stage, in s, in the order in which they came."""

    def __init__(self) -> None:
        self.times: dict[str, float] = {}
        self._last = time.perf_counter()

    def __call__(self, stage: str) -> None:
        now = time.perf_counter()
        self.times[stage], self._last = now - self._last, now

    def skip(self) -> None:
        """What happened since the last stage is not part of the next one."""
        self._last = time.perf_counter()


def timers(nest: Any) -> dict[str, float]:
    """All of NEST's own timers so far; of one that each thread has, the largest."""
    found = {}
    for name, value in nest.GetKernelStatus().items():
        if name.startswith("time_") and not name.endswith("_cpu"):
            try:
                found[name] = max(map(float, value)) if hasattr(value, "__len__") else float(value)
            except (TypeError, ValueError):
                continue
    return found


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What the timers gained; NEST may have set one to zero between."""
    return {name: value - before.get(name, 0.0) if value >= before.get(name, 0.0) else value for name, value in after.items()}


def communicator(nest: Any) -> Any:
    """The world of all ranks; None for one rank. NEST has initialized MPI already."""
    if nest.NumProcesses() == 1:
        return None
    return importlib.import_module("mpi4py.MPI").COMM_WORLD


def together(world: Any, own: Any) -> list[Any]:
    """What each rank has, on rank 0; elsewhere an empty list."""
    return [own] if world is None else world.gather(own) or []


def imported() -> Any:
    """NEST without its banner."""
    os.environ["PYNEST_QUIET"] = "1"
    return importlib.import_module("nest")


def quiet(nest: Any) -> None:
    """Errors only; NEST 3.10 has another name for it than its forerunners."""
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    else:
        nest.set_verbosity("M_ERROR")


def recorders(nest: Any, populations: dict[str, Any], sample: int, start_ms: float) -> dict[str, Any]:
    """A recorder for the first neurons of each population, which starts after the warm-up."""
    found = {}
    for name, nodes in populations.items():
        found[name] = nest.Create("spike_recorder", params={"start": start_ms})
        nest.Connect(nodes[: min(sample, len(nodes))], found[name])
    return found


def measure(o: Asked) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Build and run. Returns the world, what this rank measured, and its recorded spikes."""
    meter, load, clock = meters.Energy.find(), os.getloadavg(), Clock()
    nest = imported()
    clock("py_time_import")
    quiet(nest)
    nest.ResetKernel()
    nest.set(local_num_threads=o.threads, resolution=o.resolution_ms, rng_seed=o.rng_seed, print_time=False)
    settings = {"threads": o.threads, "resolution_ms": o.resolution_ms, "seed": o.rng_seed}
    sys.path.insert(0, str(o.model.resolve().parent))
    network = importlib.import_module(o.model.stem).Network(nest, o.size, settings)
    memory = {"base_memory": meters.resident_kb()}
    clock.skip()
    network.create()
    clock("py_time_create")
    memory["network_memory"] = meters.resident_kb()
    clock.skip()
    network.connect()
    clock("py_time_connect")
    size = {"nodes": nest.network_size, "connections": nest.num_connections}
    recorded = recorders(nest, network.populations, o.sample, o.warm_up_ms)
    clock.skip()
    nest.Prepare()
    clock("py_time_prepare")
    memory |= {"init_memory": meters.resident_kb(), "peak_construction": meters.peak_kb()}
    construction = timers(nest)
    meters.forget_peak()
    clock.skip()
    nest.Run(o.warm_up_ms)
    clock("py_time_presimulate")
    before = timers(nest)
    energy = meter.read()
    clock.skip()
    nest.Run(o.model_time_ms)
    clock("py_time_simulate")
    joules = meter.since(energy)
    phases = since(before, timers(nest))
    memory |= {"total_memory": meters.resident_kb(), "peak_simulation": meters.peak_kb()}
    counted = nest.local_spike_counter  # NEST counts anew in each Run; its timers go on
    events = {name: (one.events["senders"], one.events["times"]) for name, one in recorded.items()}
    own = {
        "host": socket.gethostname(),
        "times": clock.times,
        "construction": construction,
        "phases": phases,
        "memory": memory,
        "spikes": int(counted),
        "binding": meters.binding(),
        "energy": {"joules": joules, "how": meter.how},
        "size": {
            **size,
            "expected_connections": getattr(network, "expected_connections", None),
            "neurons": sum(map(len, network.populations.values())),
            "delays_ms": [float(nest.min_delay), float(nest.max_delay)],
            "virtual_processes": int(nest.total_num_virtual_procs),
            "ranks": int(nest.NumProcesses()),
        },
        "load": [load[0], os.getloadavg()[0]],
        "facts": host.facts(nest) if first_of_node(nest) else None,
    }
    samples = {name: (nodes[: min(o.sample, len(nodes))].tolist(), events[name]) for name, nodes in network.populations.items()}
    return communicator(nest), own, samples


def first_of_node(nest: Any) -> bool:
    """Whether this rank tells about its node."""
    return nest.Rank() == 0 or os.environ.get("SLURM_LOCALID", "0") == "0"


def statistics(o: Asked, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The activity of each population, from what all ranks recorded."""
    end = o.warm_up_ms + o.model_time_ms
    return {name: activity.of([part[name] for part in parts], o.warm_up_ms, end) for name in parts[0]}


def main() -> None:
    """Rank 0 writes for all."""
    o = asked()
    world, own, samples = measure(o)
    parts, ranks = together(world, samples), together(world, own)
    if not ranks:
        return
    report = {
        "version": 1,
        "repetition": o.repetition,
        "rng_seed": o.rng_seed,
        "size": o.size,
        "warm_up_ms": o.warm_up_ms,
        "model_time_ms": o.model_time_ms,
        "threads": o.threads,
        "recorded_neurons_per_population": o.sample,
        "populations": statistics(o, parts),
        "ranks": ranks,
        "program_s": meters.since_start_s(),
    }
    folder = Path("bench")
    folder.mkdir(exist_ok=True)
    part = folder / f"{o.repetition}.part"
    part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    part.replace(folder / f"{o.repetition}.json")


if __name__ == "__main__":
    main()
