"""Runs the experiment against a service: `python3 examples/closed_loop/run.py runs/RUN_ID`. Prints the medians of a step, in ms."""

import argparse
import json
from importlib import import_module
from pathlib import Path

from body import Arm
from brain import ServedBrain
from engine import medians, write
from experiment import SINKS, STEPS, experiment

from esd_deploy.services.nest_client import Batch
from esd_deploy.services.standing import client_of

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("run", type=Path, help="the folder of the run that serves")
parser.add_argument("--steps", type=int, default=STEPS)
parser.add_argument("--profile", type=Path, default=Path("profile.csv"), help="where each step's times are written")
parser.add_argument("--quiet", action="store_true", help="no status lines")
parser.add_argument("--body", choices=("numpy", "mujoco"), default="numpy", help="mujoco: a larger arm; needs the package of that name")
given = parser.parse_args()

arm = Arm() if given.body == "numpy" else import_module("mujoco_arm").MujocoArm()
with client_of(given.run) as client:
    client.call("Prepare")
    profile = experiment(ServedBrain(client, Batch, SINKS), arm, given.steps, quiet=given.quiet)
    ranks = client.about()["ranks"]
    client.call("Cleanup")
write(profile, given.profile)
print(json.dumps({"ranks": ranks, "body": given.body, "steps": given.steps, "angle": round(arm.angle, 4), "medians_ms": medians(profile)}))
