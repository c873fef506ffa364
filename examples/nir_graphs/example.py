"""Writes example.nir and spikes.json: two inputs, two LIF neurons of which one fires by itself, and two CubaLIF neurons behind them.

Times are in ms. With `--check out.json` it says how far the spikes of the run are from the equations' own solution.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nir
import numpy as np

SPIKES = {"input": [[10.0, 12.0, 14.0, 60.0], [30.0]]}


def graph() -> nir.NIRGraph:
    """Input → Affine → LIF → Linear → CubaLIF → Output."""
    two = np.ones(2)
    lif = nir.LIF(tau=20 * two, r=2 * two, v_leak=np.array([1.5, 0.0]), v_threshold=two, v_reset=0 * two)
    cuba = nir.CubaLIF(tau_syn=5 * two, tau_mem=10 * two, r=3 * two, v_leak=0 * two, v_threshold=two, v_reset=0 * two, w_in=two)
    weights = np.array([[0.0, 0.0], [6.0, 1.0]])
    into, between = nir.Affine(weights, np.array([0.0, 0.1])), nir.Linear(np.array([[6.0, 0.0], [-3.0, 12.0]]))
    return nir.NIRGraph.from_list(into, lif, between, cuba)


def solved(duration_ms: float, step_ms: float = 0.001) -> dict[str, list[list[float]]]:
    """Spikes of both layers by NIR's equations in small Euler steps, from v_reset and without delays: no PyNN and no simulator."""
    nodes = graph().nodes
    into, lif, between, cuba = (nodes[name] for name in ("affine", "lif", "linear", "cubalif"))
    found: dict[str, list[list[float]]] = {"lif": [[], []], "cubalif": [[], []]}
    v, current, potential = lif.v_reset.copy(), np.zeros(2), cuba.v_reset.copy()
    arriving = [{round(time / step_ms) for time in times} for times in SPIKES["input"]]
    for step in range(1, round(duration_ms / step_ms) + 1):
        pulses = np.array([step in times for times in arriving]) / step_ms  # a Dirac pulse: its integral is 1
        v += step_ms / lif.tau * (lif.v_leak - v + lif.r * (into.weight @ pulses + into.bias))
        fired = v > lif.v_threshold
        v[fired] = lif.v_reset[fired]
        current += step_ms / cuba.tau_syn * (-current + cuba.w_in * (between.weight @ fired / step_ms))
        potential += step_ms / cuba.tau_mem * (cuba.v_leak - potential + cuba.r * current)
        beyond = potential > cuba.v_threshold
        potential[beyond] = cuba.v_reset[beyond]
        for name, which in (("lif", fired), ("cubalif", beyond)):
            for neuron in np.flatnonzero(which):
                found[name][neuron].append(step * step_ms)
    return found


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", type=Path)
    given = parser.parse_args()
    if given.check is None:
        nir.write("example.nir", graph())
        Path("spikes.json").write_text(json.dumps(SPIKES))
        return
    run, own = json.loads(given.check.read_text()), solved(100.0)
    for name, trains in own.items():
        for neuron, (here, there) in enumerate(zip(run[name], trains, strict=True)):
            late = np.round(np.array(here) - there, 3).tolist() if len(here) == len(there) else f"{len(here)} spikes for {len(there)}"
            print(f"{name} {neuron}: solved {np.round(there, 3).tolist()} ms, the run is late by {late}")


if __name__ == "__main__":
    main()
