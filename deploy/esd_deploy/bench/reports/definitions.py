"""The metrics of a series: names, units, definitions, as the field has them."""

from dataclasses import dataclass

PHASES = ("time_update", "time_collocate_spike_data", "time_communicate_spike_data", "time_deliver_spike_data")
"""NEST's timers of the simulation's phases; only a NEST with detailed timers has them."""
STAGES = ("py_time_import", "py_time_create", "py_time_connect", "py_time_prepare", "py_time_presimulate", "py_time_simulate")
"""Python's clock: every stage of the program, in order."""


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
