"""Runs a NIR graph by PyNN: `python3 run.py graph.nir --spikes spikes.json --duration 100`. Writes out.json and metrics.json.

spikes.json: {Input node: [[times in ms of its first neuron], …]}; out.json has the same form for all populations of the graph.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
from pathlib import Path

import nir
from description import UnfittingError, build, from_graph


def main() -> None:
    """Read, build, run, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("graph", type=Path)
    parser.add_argument("--spikes", type=Path, required=True)
    parser.add_argument("--duration", type=float, required=True, metavar="MS")
    parser.add_argument("--timestep", type=float, default=0.1, metavar="MS", help="also the delay of each spike")
    parser.add_argument("--unit-ms", type=float, default=1.0, help="the graph's unit of time: 1 as NIR's pages have it, 1000 for seconds")
    parser.add_argument("--simulator", default=os.environ.get("PYNN_SIMULATOR", "nest"))
    given = parser.parse_args()
    try:
        network = from_graph(nir.read(given.graph), given.unit_ms)
        sim = importlib.import_module(f"pyNN.{given.simulator}")
        # NEST's neurons with spikes off the grid are refractory for a time step at least; NIR's are not at all.
        sim.setup(timestep=given.timestep, **({"spike_precision": "on_grid"} if given.simulator == "nest" else {}))
        made = build(sim, network, json.loads(given.spikes.read_text()), given.timestep)
    except UnfittingError as error:
        raise SystemExit(f"run.py: {given.graph}: {error}") from error
    sim.run(given.duration)
    found = {}
    for cells in network.cells:
        trains = made[cells.name].get_data("spikes").segments[0].spiketrains
        found[cells.name] = [[float(time) for time in train.rescale("ms").magnitude] for train in trains]
    Path("out.json").write_text(json.dumps(found))
    spikes = sum(len(one) for some in found.values() for one in some)
    Path("metrics.json").write_text(json.dumps({"neurons": network.neurons, "spikes": spikes}))
    sim.end()


if __name__ == "__main__":
    main()
