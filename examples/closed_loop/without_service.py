"""The same experiment with NEST in the same process, to compare with. A run of it writes a step's medians to `metrics.json`."""

import json
import runpy
from pathlib import Path

import nest
from body import Arm
from brain import OwnBrain
from engine import medians
from experiment import SINKS, SOURCES, experiment

nest.verbosity = nest.VerbosityLevel.WARNING
network = runpy.run_path(str(Path(__file__).parent / "network.py"))
brain = OwnBrain(nest, {name: network[name] for name in (*SOURCES, *SINKS)}, SINKS)
nest.Prepare()
profile = experiment(brain, Arm(), quiet=True)
nest.Cleanup()
if nest.Rank() == 0:
    Path("metrics.json").write_text(json.dumps({f"{name}_ms": value for name, value in medians(profile).items()}), encoding="utf-8")
