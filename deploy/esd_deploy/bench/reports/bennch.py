"""The CSV form of beNNch: one line a repetition, with the columns that its plotting tool reads.

Times are in s, memory is in kB, and model time in ms.
"""

import csv
import io
from collections.abc import Mapping

from esd_deploy.bench.reports.report import PointRow, RepetitionRow, Report

COLUMNS = (
    *("rng_seed", "num_nodes", "threads_per_task", "tasks_per_node", "model_time_sim", "time_construction_create"),
    *("time_construction_connect", "time_simulate", "time_collocate_spike_data", "time_communicate_spike_data"),
    *("time_deliver_spike_data", "time_update", "time_communicate_target_data", "time_gather_spike_data", "time_gather_target_data"),
    *("time_communicate_prepare", "py_time_create", "py_time_connect", "py_time_presimulate", "py_time_simulate", "base_memory"),
    *("network_memory", "init_memory", "total_memory", "num_connections", "local_spike_counter"),
)
Cell = int | float | str


def table(found: Report) -> str:
    """All repetitions that count. A value that is unknown is an empty cell."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for point in found.points:
        writer.writerows(_line(point, one, found.model_time_ms) for one in point.counting)
    return written.getvalue()


def _line(point: PointRow, one: RepetitionRow, model_time_ms: float) -> Mapping[str, Cell | None]:
    known: dict[str, Cell | None] = {
        "rng_seed": one.rng_seed,
        "num_nodes": point.nodes,
        "threads_per_task": point.threads,
        "tasks_per_node": point.tasks_per_node,
        "model_time_sim": model_time_ms,
        "num_connections": point.connections,
        "local_spike_counter": one.values.get("spikes"),
        **one.memory_kb,
    }
    return {name: known.get(name, one.values.get(name)) for name in COLUMNS}
