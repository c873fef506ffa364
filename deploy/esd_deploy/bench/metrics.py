"""The metrics of one repetition, by the names and definitions of the field. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from esd_deploy.bench.measured import Repetition

PHASES = ("time_update", "time_collocate_spike_data", "time_communicate_spike_data", "time_deliver_spike_data")
"""NEST's timers of the simulation's phases; only a NEST with detailed timers has them."""
STAGES = ("py_time_import", "py_time_create", "py_time_connect", "py_time_prepare", "py_time_presimulate", "py_time_simulate")
"""Python's clock: every stage of the program, in order."""
_KB = 1024
_HOUR_S = 3600


@dataclass(frozen=True)
class Metric:
    """A metric's unit, and what it is."""

    unit: str
    definition: str


DEFINITIONS = {
    "py_time_import": Metric("s", "`import nest`"),
    "py_time_create": Metric("s", "creation of the neurons, by Python's clock"),
    "py_time_connect": Metric("s", "connection, by Python's clock"),
    "py_time_prepare": Metric("s", "`Prepare`: tables of the presynaptic side"),
    "py_time_presimulate": Metric("s", "the warm-up, which no other metric contains"),
    "py_time_simulate": Metric("s", "the measured simulation, by Python's clock"),
    "time_construction_create": Metric("s", "NEST's timer of creation"),
    "time_construction_connect": Metric("s", "NEST's timer of connection"),
    "time_communicate_prepare": Metric("s", "NEST's timer of communication in `Prepare`"),
    "time_simulate": Metric("s", "T_wall: NEST's timer of the measured simulation, without warm-up and construction"),
    "time_construction": Metric("s", "creation + connection + `Prepare`, by Python's clock"),
    **{name: Metric("s", "NEST's timer of a phase") for name in PHASES},
    "wall_per_model": Metric("-", "T_wall / T_model; above 1: slower than real time"),
    "model_per_wall": Metric("-", "T_model / T_wall; above 1: faster than real time"),
    "spikes": Metric("-", "spikes of all neurons in T_model, NEST's counter"),
    "rate_hz": Metric("1/s", "spikes / (neurons x T_model)"),
    "synaptic_events": Metric("-", "spikes x connections / neurons: NEST counts spikes, not their deliveries"),
    "synaptic_events_per_s": Metric("1/s", "synaptic events / T_wall"),
    "energy_j": Metric("J", "energy of the nodes in T_wall"),
    "energy_per_synaptic_event_uj": Metric("uJ", "energy / synaptic events"),
    "average_power_w": Metric("W", "energy / T_wall"),
    "memory_construction_gb": Metric("GB", "largest resident set up to the end of construction, sum of all ranks (10^9 bytes)"),
    "memory_simulation_gb": Metric("GB", "the same during simulation"),
    "bytes_per_synapse": Metric("B", "(memory of simulation - memory before the network) / connections"),
    "node_hours": Metric("h", "nodes x time from the program's start to its end; without queueing, image transfer and checks"),
}


def of(one: Repetition, nodes: int) -> dict[str, float | None]:
    """All metrics of a repetition; None for what is unknown."""
    return {**dict.fromkeys(DEFINITIONS), **dict(_times(one)), **dict(_work(one)), **dict(_memory(one)), **_cost(one, nodes)}


def _times(one: Repetition) -> Iterator[tuple[str, float | None]]:
    for name in STAGES:
        yield name, one.time(name)
    for name in ("time_construction_create", "time_construction_connect", "time_communicate_prepare", "time_simulate", *PHASES):
        yield name, one.timer(name)
    parts = [one.time(name) for name in ("py_time_create", "py_time_connect", "py_time_prepare")]
    yield "time_construction", None if None in parts else sum(part for part in parts if part is not None)
    wall, model = one.timer("time_simulate"), one.model_time_ms / 1000
    if wall:
        yield "wall_per_model", wall / model
        yield "model_per_wall", model / wall


def _work(one: Repetition) -> Iterator[tuple[str, float | None]]:
    wall, events = one.timer("time_simulate"), events_of(one)
    yield "spikes", one.spikes
    yield "rate_hz", one.rate_hz
    yield "synaptic_events", events
    if wall:
        yield "synaptic_events_per_s", events / wall
        yield "energy_j", one.joules
        if one.joules is not None:
            yield "average_power_w", one.joules / wall
            yield "energy_per_synaptic_event_uj", 1e6 * one.joules / events if events else None


def events_of(one: Repetition) -> float:
    """Deliveries of spikes, from the mean number of connections of a neuron."""
    return one.spikes * one.network.connections / max(1, one.network.neurons)


def _memory(one: Repetition) -> Iterator[tuple[str, float | None]]:
    for name, kind in (("memory_construction_gb", "peak_construction"), ("memory_simulation_gb", "peak_simulation")):
        found = one.memory(kind)
        yield name, None if found is None else found * _KB / 1e9
    base, most = one.memory("base_memory"), one.memory("peak_simulation")
    if base is not None and most is not None and one.network.connections:
        yield "bytes_per_synapse", (most - base) * _KB / one.network.connections


def _cost(one: Repetition, nodes: int) -> dict[str, float | None]:
    return {"node_hours": nodes * one.program_s / _HOUR_S}
