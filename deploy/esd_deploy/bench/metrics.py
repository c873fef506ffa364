"""The metrics of one repetition, by the names and definitions of the field. Pure."""

from collections.abc import Iterator

from esd_deploy.bench.measured import Repetition
from esd_deploy.bench.reports.definitions import DEFINITIONS, PHASES, STAGES

_KB = 1024
_HOUR_S = 3600


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
