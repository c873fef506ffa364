"""Runs inside the nest image: one neuron of a compiled model through a schedule, and the same for what it is compared with.

nest_trace.py FOLDER REQUEST.json   writes FOLDER/trace.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nest
import numpy as np
from scipy.integrate import solve_ivp


def simulate(model: str, request: dict[str, Any], parameters: dict[str, float], ports: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Membrane potential at every step and spike steps of one neuron. `ports`: for each input, receptor and sign of the weight."""
    nest.ResetKernel()  # forgets modules, too
    if request.get("module"):
        nest.Install(request["module"])
    nest.resolution = request["timestep_ms"]
    nest.local_num_threads = 1
    neuron = nest.Create(model, params=parameters)
    recorder = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": request["timestep_ms"]})
    spikes = nest.Create("spike_recorder")
    nest.Connect(recorder, neuron)
    nest.Connect(neuron, spikes)
    for index, name in enumerate(request["ports"]):
        feed(neuron, request, index, ports.get(name, {"sign": 1.0 if index == 0 else -1.0}))
    nest.Simulate(request["timestep_ms"] * len(request["inputs"]) + 2 * request["timestep_ms"])
    step = request["timestep_ms"]
    events = recorder.events
    return {
        "steps": [round(time / step) for time in events["times"]],
        "V_m": [float(value) for value in events["V_m"]],
        "spikes": [round(time / step) for time in spikes.events["times"]],
    }


def feed(neuron: Any, request: dict[str, Any], index: int, port: dict[str, float]) -> None:
    """Send the schedule's spikes of one input: a generator spike at the end of step k arrives one step later; none at step 0."""
    weights = np.array([row[index] for row in request["inputs"]])
    steps = np.flatnonzero(weights)
    if not len(steps):
        return
    times = steps * request["timestep_ms"]
    generator = nest.Create("spike_generator", params={"spike_times": np.round(times, 6), "spike_weights": port["sign"] * weights[steps]})
    synapse = {"weight": 1.0, "delay": request["timestep_ms"]}
    if "receptor" in port:
        synapse["receptor_type"] = int(port["receptor"])
    nest.Connect(generator, neuron, syn_spec=synapse)


# Independent references, for models that NEST does not have or integrates otherwise: derivative(state, parameters), start, threshold
# and what a spike changes. Written from the models' equations, not from their NESTML files.
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


def solve(request: dict[str, Any]) -> dict[str, Any]:
    """Integrate a reference with an adaptive 8th-order method, step by step, with the schedule's inputs at the steps' ends."""
    name, p = request["reference"], {**request["reference_parameters"], "refractory": 0.0}
    h = request["timestep_ms"]
    derivative = {"izhikevich": izhikevich, "lif_adaptive": lif_adaptive}[name]
    y = np.array(request["reference_start"], dtype=float)
    potentials, spikes, left = [], [], 0
    for step, row in enumerate(request["inputs"]):
        p["refractory"] = float(left > 0)
        y = solve_ivp(lambda _t, z: derivative(z, p), (0.0, h), y, method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]
        left = max(left - 1, 0)
        if name == "izhikevich":
            y[0] += row[0]
        else:
            y[1] += row[0]
            y[2] += row[1]
        if y[0] >= p["V_th"] and left == 0:
            spikes.append(step + 1)
            left = round(p.get("refr_T", 0.0) / h)
            y[0] = p["V_reset"]
            y[1 if name == "izhikevich" else 3] += p["jump"]
        potentials.append(float(y[0]))
    return {"steps": list(range(1, len(potentials) + 1)), "V_m": potentials, "spikes": spikes}


def main() -> None:
    """Simulate both, write both."""
    folder = Path(sys.argv[1])
    request = json.loads((folder / sys.argv[2]).read_text())
    nest.set_verbosity("M_ERROR")
    found = {"model": simulate(request["model"], request, request["parameters"], request.get("model_ports", {}))}
    if request["reference_kind"] == "nest":
        found["reference"] = simulate(request["reference"], request, request["reference_parameters"], request.get("reference_ports", {}))
    elif request["reference_kind"] == "equations":
        found["reference"] = solve(request)
    (folder / "trace.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
