"""The probes of `esd-deploy drift --full`: what a stack's NEST, PyNN, NESTML and NumPy answer to a fixed set of questions (probes.json).

Runs on whatever Python and NEST a stack has, so it imports nothing but the standard library at its top. A probe that cannot be made says
why; the others go on.
"""

import hashlib
import json
import math
import os
import runpy
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

SETTINGS = {
    "threads first": ("local_num_threads", "rng_seed"),
    "seed first": ("rng_seed", "local_num_threads"),
}


def study(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Every probe's answer, by its kind."""
    os.environ["PYNEST_QUIET"] = "1"
    networks = asked["networks"]
    return {
        "kernel": {order: _answer(kernel_after, order, networks) for order in SETTINGS},
        "neurons": _answer(single_neurons, asked["single_neurons"]),
        "networks": {name: _answer(network, kind, networks) for name, kind in networks["kinds"].items()},
        "numerics": _answer(numerics),
        "nestml": _answer(nestml_model),
        "pynn": _answer(pynn_network),
    }


def _answer(probe: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return probe(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a stack's libraries raise is its answer
        return {"reason": f"{type(error).__name__}: {error}"[:500]}


def hash_of(values: Sequence[float]) -> str:
    """Of all numbers to the last bit."""
    return hashlib.sha256(struct.pack(f"<{len(values)}d", *values)).hexdigest()[:16]


def set_up(order: str, seed: int, threads: int) -> dict[str, Any]:
    """A kernel whose seed and threads are set one after the other; returns what it says of them afterwards."""
    import nest  # noqa: PLC0415 - a stack without it says so

    nest.ResetKernel()
    nest.set_verbosity("M_ERROR")
    nest.resolution = 0.1
    for name in SETTINGS[order]:
        setattr(nest, name, {"rng_seed": seed, "local_num_threads": threads}[name])
    return kernel()


def kernel() -> dict[str, Any]:
    """What the kernel says of its settings."""
    import nest  # noqa: PLC0415 - a stack without it says so

    return {name: nest.GetKernelStatus(name) for name in ("rng_seed", "local_num_threads", "resolution")}


def kernel_after(order: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the kernel says after one order of settings."""
    return set_up(order, asked["seed"], asked["threads"])


def single_neurons(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Each node model with a membrane potential: a hash of its potential and spikes, and the last potential."""
    import nest  # noqa: PLC0415 - a stack without it says so

    set_up("threads first", asked["seed"], 1)
    models = [name for name in nest.node_models if "V_m" in [str(one) for one in nest.GetDefaults(name).get("recordables", ())]]
    return {name: _answer(_single_neuron, name, asked) for name in models}


def _single_neuron(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    import nest  # noqa: PLC0415 - a stack without it says so

    set_up("threads first", asked["seed"], 1)
    receptor = {"receptor_type": 1} if nest.GetDefaults(name).get("receptor_types") else {}
    cell, meter = nest.Create(name), nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 0.1})
    current = nest.Create("dc_generator", params={"amplitude": asked["current"]})
    noise = nest.Create("poisson_generator", params={"rate": asked["rate"]})
    for source, weight in ((current, 1.0), (noise, asked["weight"])):
        try:
            nest.Connect(source, cell, syn_spec={"weight": weight, "delay": 1.0, **receptor})
        except Exception:  # noqa: BLE001 - NEST's own errors have another place in each version
            nest.Connect(source, cell, syn_spec={"weight": weight, "delay": 1.0})
    nest.Connect(meter, cell)
    recorder = nest.Create("spike_recorder")
    try:
        nest.Connect(cell, recorder)
    except Exception:  # noqa: BLE001 - a model without spikes
        recorder = None
    nest.Simulate(asked["duration"])
    potential = [float(value) for value in meter.get("events")["V_m"]]
    if not all(map(math.isfinite, potential)):
        raise ValueError("the potential is no number")  # which JSON does not have either
    times = sorted(float(time) for time in recorder.get("events")["times"]) if recorder else []
    return {"hash": hash_of(potential + times), "potential": potential[::50], "spikes": len(times)}


def network(kind: Mapping[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """One kind of network: both orders of settings with two seeds, and statistics of several seeds."""
    found: dict[str, Any] = {}
    for order in SETTINGS:
        runs = [_spikes(kind, asked, order, seed) for seed in (asked["seed"], asked["other_seed"])]
        found[order] = {"hashes": [_network_hash(spikes) for spikes in runs], "spikes": [len(spikes) for spikes in runs]}
    seeds = range(asked["seed"], asked["seed"] + asked["seeds"])
    alone = {**asked, "threads": 1, "short": asked["duration"]}
    found["statistics"] = [_statistics(_spikes(kind, alone, "threads first", seed), asked) for seed in seeds]
    return found


def _spikes(kind: Mapping[str, Any], asked: Mapping[str, Any], order: str, seed: int) -> list[tuple[float, int]]:
    import nest  # noqa: PLC0415 - a stack without it says so

    set_up(order, seed, asked["threads"])
    cells = nest.Create(kind["neuron"], asked["neurons"])
    excitatory = asked["neurons"] * 4 // 5
    noise, recorder = nest.Create("poisson_generator", params={"rate": kind["drive"]["rate"]}), nest.Create("spike_recorder")
    nest.Connect(noise, cells, syn_spec={"weight": kind["drive"]["weight"], "delay": 1.5})
    for sources, synapse in ((cells[:excitatory], kind["excitatory"]), (cells[excitatory:], kind["inhibitory"])):
        nest.Connect(sources, cells, _rule(kind["rule"], asked, len(sources)), {key: _drawn(value) for key, value in synapse.items()})
    nest.Connect(cells, recorder)
    nest.Simulate(asked["short"])
    events = recorder.get("events")
    return sorted(zip(map(float, events["times"]), map(int, events["senders"])))  # noqa: B905 - Python 3.8 has no strict=


def _rule(rule: Mapping[str, Any], asked: Mapping[str, Any], sources: int) -> dict[str, Any]:
    """An in-degree is meant for all neurons: each population gives its share."""
    share = sources / asked["neurons"]
    return {key: round(value * share) if key == "indegree" else value for key, value in rule.items()}


def _drawn(value: Any) -> Any:
    """`{normal: [mean, deviation]}` and `{uniform: [low, high]}` as NEST draws them."""
    import nest  # noqa: PLC0415 - a stack without it says so

    if not isinstance(value, dict):
        return value
    ((name, arguments),) = value.items()
    return getattr(nest.random, name)(*arguments)


def _network_hash(spikes: Sequence[tuple[float, int]]) -> str:
    return hash_of([number for spike in spikes for number in spike])


def _statistics(spikes: Sequence[tuple[float, int]], asked: Mapping[str, Any]) -> dict[str, float]:
    """Mean rate (1/s), and the mean coefficient of variation of the intervals of neurons with five spikes or more."""
    import numpy  # noqa: PLC0415 - NEST brings it

    trains: dict[int, list[float]] = {}
    for time, sender in spikes:
        trains.setdefault(sender, []).append(time)
    intervals = [numpy.diff(train) for train in trains.values() if len(train) >= 5]
    variations = [float(numpy.std(one) / numpy.mean(one)) for one in intervals]
    rate = len(spikes) / asked["neurons"] / (asked["duration"] / 1000.0)
    return {"rate": rate, "cv": float(numpy.mean(variations)) if variations else 0.0}


def numerics() -> dict[str, str]:
    """What NumPy draws and adds, to the last bit."""
    import numpy  # noqa: PLC0415 - a stack without it says so

    draws, old = numpy.random.default_rng(7), numpy.random.RandomState(7)
    matrix = draws.normal(size=(200, 200))
    values = {
        "default_rng normal": draws.normal(size=1000),
        "default_rng integers": draws.integers(0, 10**6, size=1000).astype(float),
        "RandomState normal": old.normal(size=1000),
        "sum": numpy.array([numpy.sum(matrix)]),
        "exp": numpy.exp(matrix[0]),
        "matrix product": (matrix @ matrix).ravel(),
        "solve": numpy.linalg.solve(matrix, matrix[0]),
        "fft": numpy.abs(numpy.fft.rfft(matrix[0])),
    }
    return {name: hash_of([float(one) for one in array]) for name, array in values.items()}


def nestml_model() -> dict[str, Any]:
    """A model of this folder, compiled by the stack's NESTML for its NEST: a hash of its potential, and its spikes."""
    sources = sorted(Path.cwd().glob("*.nestml"))
    if not sources:
        return {"reason": "no model was sent"}
    import nest  # noqa: PLC0415 - a stack without it says so
    from pynestml.frontend.pynestml_frontend import generate_nest_target  # noqa: PLC0415

    target = Path.cwd() / "nestml-target"
    generate_nest_target(input_path=str(sources[0]), target_path=str(target), install_path=str(Path.cwd()), module_name="drift_module")
    set_up("threads first", 7, 1)
    nest.Install("drift_module")
    name = next(one for one in nest.node_models if one.startswith(sources[0].stem))
    cell = nest.Create(name, params={"I_e": 600.0})
    meter, recorder = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 0.1}), nest.Create("spike_recorder")
    nest.Connect(meter, cell)
    nest.Connect(cell, recorder)
    nest.Simulate(200.0)
    potential = [float(value) for value in meter.get("events")["V_m"]]
    return {"hash": hash_of(potential), "potential": potential[::50], "spikes": int(recorder.get("n_events"))}


def pynn_network() -> dict[str, Any]:
    """The paper's network by PyNN, where its script was sent: a hash of its spikes, its metrics, and the kernel that PyNN set up."""
    script = Path("balanced_network.py")
    if not script.is_file():
        return {"reason": "no script was sent"}
    sys.argv = [script.name, "--simulator", "nest", "--neurons", "1000", "--duration", "500"]
    runpy.run_path(str(script), run_name="__main__")
    import neo  # noqa: PLC0415 - PyNN brings it

    times: list[float] = []
    for name in ("spikes-excitatory.nix", "spikes-inhibitory.nix"):
        block = neo.io.NixIO(name, mode="ro").read_block()
        times += [float(time) for train in block.segments[0].spiketrains for time in train]
    return {"hash": hash_of(times), "spikes": len(times), "metrics": json.loads(Path("metrics.json").read_text()), "kernel": kernel()}
