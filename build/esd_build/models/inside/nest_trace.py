"""Runs inside the nest image: one neuron of a compiled model through a schedule, and the same for what it is compared with.

nest_trace.py FOLDER REQUEST.json   writes FOLDER/trace.json
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nest
import numpy as np
from scipy.integrate import solve_ivp


def simulate(side: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Membrane potential at every step and spike steps of one neuron; where a plastic synapse leads to it, its weight at each spike."""
    nest.ResetKernel()  # forgets modules, too
    nest.Install(request["module"])
    step = nest.resolution = request["timestep_ms"]
    nest.local_num_threads = 1
    neuron = nest.Create(side["name"], params=side["parameters"])
    recorder = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": step})
    spikes = nest.Create("spike_recorder")
    nest.Connect(recorder, neuron)
    nest.Connect(neuron, spikes)
    for port in range(len(request["ports"])):
        feed(neuron, request, port)
    weights = teach(neuron, side["synapse"], step) if side["synapse"] else None
    nest.Simulate(step * (len(request["inputs"]) + 2))
    return {
        "steps": [round(time / step) for time in recorder.events["times"]],
        "V_m": [float(value) for value in recorder.events["V_m"]],
        "spikes": [round(time / step) for time in spikes.events["times"]],
        "weights": [float(weight) for weight in weights.events["weights"]] if weights else [],
    }


def teach(neuron: Any, synapse: dict[str, Any], step: float) -> Any:
    """Connect a source with a plastic synapse; what records its weight. A relay stands between: no generator has a plastic synapse."""
    generator = nest.Create("spike_generator", params={"spike_times": synapse["times_ms"]})
    relay = nest.Create("parrot_neuron")
    nest.Connect(generator, relay, syn_spec={"delay": step})
    weights = nest.Create("weight_recorder")
    nest.CopyModel(synapse["name"], "recorded_synapse", {"weight_recorder": weights})
    own = {"synapse_model": "recorded_synapse", "weight": synapse["weight"], "delay": synapse["delay_ms"]}
    nest.Connect(relay, neuron, syn_spec={**own, **synapse["parameters"]})
    return weights


def feed(neuron: Any, request: dict[str, Any], port: int) -> None:
    """Send the schedule's spikes of one input: a generator spike at the end of step k arrives one step later; none at step 0."""
    weights = np.array([row[port] for row in request["inputs"]])
    steps = np.flatnonzero(weights)
    if not len(steps):
        return
    times = np.round(steps * request["timestep_ms"], 6)
    sign = 1.0 if port == 0 else -1.0
    generator = nest.Create("spike_generator", params={"spike_times": times, "spike_weights": sign * weights[steps]})
    nest.Connect(generator, neuron, syn_spec={"weight": 1.0, "delay": request["timestep_ms"]})


# Independent references, for models that NEST does not have or integrates otherwise. Written from the models' equations, not from their
# NESTML files. As in the NESTML models, thresholds are looked at and inputs arrive at a step's end.
@dataclass(frozen=True)
class Equations:
    """`derivative` of the state (the membrane potential first); which of its entries each port's spikes, and the neuron's own, change."""

    derivative: Callable[[np.ndarray, dict[str, float]], list[float]]
    inputs: tuple[int, ...]
    jumps: int


def izhikevich(y: np.ndarray, p: dict[str, float]) -> list[float]:
    """Izhikevich (2003), equations 1 and 2."""
    v, u = y
    return [0.04 * v * v + 5 * v + 140 - u + p["I_e"], p["a"] * (p["b"] * v - u)]


def lif_adaptive(y: np.ndarray, p: dict[str, float]) -> list[float]:
    """Leaky membrane, three decaying currents (pA, pF, mV, ms); V is held while the refractory time runs."""
    v, exc, inh, adapt = y
    moving = 0.0 if p["refractory"] else 1.0
    dv = moving * (-(v - p["E_L"]) / p["tau_m"] + (exc - inh - adapt + p["I_e"]) / p["C_m"])
    return [dv, -exc / p["tau_syn_exc"], -inh / p["tau_syn_inh"], -adapt / p["tau_adapt"]]


def aeif(y: np.ndarray, p: dict[str, float]) -> list[float]:
    """Brette and Gerstner (2005), with exponential currents (pA, pF, nS, mV, ms); V is held while the refractory time runs."""
    v, exc, inh, w = min(y[0], p["V_peak"]), *y[1:]
    spike = p["g_L"] * p["Delta_T"] * math.exp((v - p["V_th"]) / p["Delta_T"])
    moving = 0.0 if p["refractory"] else 1.0
    dv = moving * (-p["g_L"] * (v - p["E_L"]) + spike + exc - inh - w + p["I_e"]) / p["C_m"]
    return [dv, -exc / p["tau_syn_exc"], -inh / p["tau_syn_inh"], (p["a"] * (v - p["E_L"]) - w) / p["tau_w"]]


EQUATIONS = {
    "izhikevich": Equations(izhikevich, (0,), 1),
    "lif_adaptive": Equations(lif_adaptive, (1, 2), 3),
    "aeif": Equations(aeif, (1, 2), 3),
}


def solve(request: dict[str, Any]) -> dict[str, Any]:
    """Integrate a reference with an adaptive 8th-order method, step by step, with the schedule's inputs at the steps' ends."""
    side = request["reference"]
    known, p = EQUATIONS[side["name"]], {**side["parameters"], "refractory": 0.0}
    h, y = request["timestep_ms"], np.array(side["start"], dtype=float)
    threshold = p.get("V_peak", p["V_th"])
    potentials, spikes, left = [], [], 0
    for step, row in enumerate(request["inputs"]):
        p["refractory"] = float(left > 0)
        y = solve_ivp(lambda _t, z: known.derivative(z, p), (0.0, h), y, method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
        left = max(left - 1, 0)
        for index, weight in zip(known.inputs, row, strict=True):
            y[index] += weight
        if y[0] >= threshold and left == 0:
            spikes.append(step + 1)
            left = round(p.get("refr_T", 0.0) / h)
            y[0] = p["V_reset"]
            y[known.jumps] += p["jump"]
        potentials.append(float(y[0]))
    return {"steps": list(range(1, len(potentials) + 1)), "V_m": potentials, "spikes": spikes}


def main() -> None:
    """Simulate both, write both."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / sys.argv[2]).read_text())
    nest.set_verbosity("M_ERROR")
    reference = solve(request) if request["reference_kind"] == "equations" else simulate(request["reference"], request)
    found = {"model": simulate(request["model"], request), "reference": reference}
    (folder / "trace.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
