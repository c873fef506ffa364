"""Runs at the far end of a neuromorphic queue, which carries one file: lays out the files of a run, and runs its script.

`RUN` is put in front of this text by esd-deploy: {"script", "arguments", "environment", "files" (name → text), "binaries" (name → base64)}.
"""

import base64
import json
import os
import runpy
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = {"PyNN": "pynn", "sPyNNaker": "spynnaker", "NEST": "nest-simulator", "NumPy": "numpy", "Neo": "neo", "Elephant": "elephant"}


def lay_out(files: dict[str, str], binaries: dict[str, str]) -> None:
    """Write the run's files into the current folder."""
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    for name, text in binaries.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(base64.b64decode(text))


def versions() -> dict[str, str]:
    """What is installed here, of what matters."""
    found = {"Python": ".".join(map(str, sys.version_info[:3]))}
    for name, package in PACKAGES.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            continue
    nest_config = shutil.which("nest-config")
    if nest_config:  # a NEST that was not installed with pip
        found["NEST"] = subprocess.run((nest_config, "--version"), capture_output=True, text=True, check=False).stdout.strip()
    return found


def main(run: dict[str, Any]) -> None:
    """Lay out, note the versions, run."""
    lay_out(run["files"], run["binaries"])
    Path("esd").mkdir(exist_ok=True)
    Path("esd/versions.json").write_text(json.dumps(versions()), encoding="utf-8")
    os.environ.update(run["environment"])
    sys.argv = [run["script"], *run["arguments"]]
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_path(run["script"], run_name="__main__")


main(json.loads(globals()["RUN"]))
