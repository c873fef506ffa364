"""Runs inside the spinnaker image: maps a PyNN script's network on a virtual SpiNNaker machine, and reports what it would take.

fit.py FOLDER SCRIPT [ARGUMENT...]   writes FOLDER/fit.json at the script's first `run`, and ends there: a virtual machine gives no data
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

BOARD = "[Machine]\nvirtual_board = True\nversion = 5\n"


def measure(run_ms: float, seconds: float) -> dict[str, Any]:
    """Cores, chips, boards and memory of the network as it was placed; `recorded` is what the script asks back."""
    from spynnaker.pyNN.data import SpynnakerDataView as View  # noqa: PLC0415 - it must be configured first

    machine = View.get_machine()
    steps = View.get_plan_n_timestep()
    placements = list(View.iterate_placemements())
    # What belongs to no population serves the machine itself: a monitor on each chip, a gatherer on each board.
    own = [placement for placement in placements if placement.vertex.app_vertex is not None]
    chips = Counter(placement.xy for placement in own)
    vertices: dict[str, dict[str, int]] = {}
    for placement in own:
        kind = vertices.setdefault(placement.vertex.app_vertex.label, {"cores": 0, "sdram": 0})
        kind["cores"] += 1
        kind["sdram"] += placement.vertex.sdram_required.get_total_sdram(steps)
    step_ms = View.get_simulation_time_step_ms()
    return {
        "cores": len(own),
        "system_cores": len(placements) - len(own),
        "chips": len(chips),
        "boards": len({(machine[xy].nearest_ethernet_x, machine[xy].nearest_ethernet_y) for xy in chips}),
        "sdram": sum(kind["sdram"] for kind in vertices.values()),
        "busiest_chip_cores": max(chips.values()),
        "populations": vertices,
        "timestep_ms": step_ms,
        "run_ms": run_ms,
        "real_time_factor": View.get_time_scale_factor(),
        "mapping_s": seconds,
        "machine_chips": machine.n_chips,
        "recorded": recorded(placement.vertex for placement in own),
    }


def recorded(vertices: Iterable[Any]) -> dict[str, list[str]]:
    """Which variables of which population the script asks back."""
    populations = {vertex.app_vertex for vertex in vertices if hasattr(vertex.app_vertex, "get_recording_variables")}
    return {population.label: sorted(population.get_recording_variables()) for population in populations}


def main() -> None:
    """Replace `run` of sPyNNaker by one that measures and ends; then run the script."""
    folder, script = Path(sys.argv[1]), sys.argv[2]
    home = folder / "scratch"
    home.mkdir(exist_ok=True)
    (home / ".spynnaker.cfg").write_text(BOARD)
    os.environ |= {"HOME": str(home), "MPLCONFIGDIR": str(home), "PYNN_SIMULATOR": "spiNNaker"}
    os.chdir(folder)  # where the files of the run are, as in its job
    simulator = importlib.import_module("pyNN.spiNNaker")
    base = importlib.import_module("spinn_front_end_common.interface.abstract_spinnaker_base").AbstractSpinnakerBase
    run = simulator.run

    def run_and_report(run_ms: float, *_arguments: object, **_options: object) -> None:
        """`run` as far as the mapping, with a report; then the program ends: there is no data for it to go on with."""
        began = time.monotonic()
        # Mapped, and not yet filled with data, which takes longest and tells no more.
        base._do_data_generation = lambda _self: leave(folder, measure(run_ms, time.monotonic() - began))  # noqa: SLF001 - no public seam
        try:
            run(run_ms)
        except Exception as error:  # noqa: BLE001 - sPyNNaker raises what it likes; all of it is about the network
            leave(folder, {"error": f"{type(error).__name__}: {error}"})

    simulator.run = run_and_report  # type: ignore[attr-defined]  # a module
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(script).parent))
    runpy.run_path(script, run_name="__main__")


def leave(folder: Path, report: dict[str, Any]) -> None:
    """Write the report, and end at once."""
    (folder / "fit.json").write_text(json.dumps(report))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
