"""A NESTML neuron, generated, compiled and run on this node: one JSON line. Without NESTML or a compiler it says which is missing."""

import importlib.util
import json
import os
import shutil
import sys
import tempfile

MODEL = """
model leaky_neuron:
    state:
        V_m mV = -70 mV
    equations:
        V_m' = -(V_m + 70 mV) / tau_m + I_e / C_m
    parameters:
        tau_m ms = 10 ms
        C_m pF = 250 pF
        I_e pA = 600 pA
        V_th mV = -55 mV
        V_reset mV = -70 mV
    output:
        spike
    update:
        integrate_odes()
    onCondition(V_m >= V_th):
        V_m = V_reset
        emit_spike()
"""


def missing():
    """What a compilation would need and the image does not have."""
    if importlib.util.find_spec("pynestml") is None:
        return "NESTML"
    return next((f"the program {name}" for name in ("c++", "cmake", "make") if shutil.which(name) is None), None)


def spikes(work):
    """Compile the model in `work`, run one neuron, count its spikes."""
    os.chdir(work)
    with open("leaky_neuron.nestml", "w") as file:
        file.write(MODEL)
    from pynestml.frontend.pynestml_frontend import generate_nest_target

    generate_nest_target(
        input_path="leaky_neuron.nestml", target_path=f"{work}/target", install_path=work, module_name="leaky_module", logging_level="ERROR"
    )
    import nest

    nest.Install("leaky_module")
    neuron, recorder = nest.Create("leaky_neuron"), nest.Create("spike_recorder")
    nest.Connect(neuron, recorder)
    nest.Simulate(200.0)
    return int(recorder.n_events)


lacking = missing()
with tempfile.TemporaryDirectory() as folder:
    facts = {"missing": lacking, "spikes": None if lacking else spikes(folder)}
sys.stdout.write("\n" + json.dumps(facts) + "\n")
