"""One neuron of a NESTML model under a constant current: compiled where it runs, against exactly the NEST that runs it.

    esd-deploy run nestml_neuron.py --site local --image nest --input ../models/lif_adaptive.nestml

Writes spike_times.json (ms) and metrics.json. One rank: each would compile the model.
"""

import json
import tempfile
from pathlib import Path

import nest
from pynestml.frontend.pynestml_frontend import generate_nest_target

MODEL, MODULE = Path("lif_adaptive.nestml"), "lif_adaptive_module"
CURRENT_PA, DURATION_MS = 600.0, 1000.0


def compiled(model: Path) -> str:
    """The module's path; nothing of the generated code stays among the results."""
    folder = tempfile.mkdtemp()
    generate_nest_target(input_path=str(model), target_path=f"{folder}/code", install_path=folder, module_name=MODULE)
    return f"{folder}/{MODULE}"


def main() -> None:
    """Compile, simulate, write."""
    nest.Install(compiled(MODEL))
    neuron, recorder = nest.Create("lif_adaptive", params={"I_e": CURRENT_PA}), nest.Create("spike_recorder")
    nest.Connect(neuron, recorder)
    nest.Simulate(DURATION_MS)
    times = [float(time) for time in recorder.events["times"]]
    Path("spike_times.json").write_text(json.dumps(times) + "\n")
    Path("metrics.json").write_text(json.dumps({"rate_hz": 1000.0 * len(times) / DURATION_MS}) + "\n")


if __name__ == "__main__":
    main()
