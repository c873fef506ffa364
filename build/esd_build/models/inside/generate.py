"""Runs inside an image: generates and builds code from NESTML files with the image's own NESTML, and reports what came of it.

generate.py nest|spinnaker MODULE FOLDER [--pair NEURON SYNAPSE POST_PORT] FILE...

Writes FOLDER/report.json; the exit code is 0 even where the model is wrong. What NESTML and the compilers print goes to the output.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

C_STACK = "NEURAL_MODELLING_DIRS"
"""The variable that sPyNNaker's own `setup` script sets where its C sources are."""
_TAKES_NEST_FOR_3_4 = "7."
"""NESTML 7 takes NEST 3.8 and later for NEST 3.4, and then writes code that does not compile."""


def main() -> None:
    """Generate, build, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target", choices=("nest", "spinnaker"))
    parser.add_argument("module")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pair", nargs=3, metavar=("NEURON", "SYNAPSE", "POST_PORT"))
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    os.environ.setdefault("MPLCONFIGDIR", str(given.folder / "scratch"))
    steps = _steps(given)
    report = {"nestml": version("nestml"), "steps": steps, "messages": _messages()}
    (given.folder / "report.json").write_text(json.dumps(report))


def _steps(given: argparse.Namespace) -> list[dict[str, str]]:
    """What was done, in order, each `passed`, `failed` or `skipped`."""
    from pynestml.exceptions.generated_code_build_exception import GeneratedCodeBuildException  # noqa: PLC0415 - heavy
    from pynestml.utils.logger import Logger, LoggingLevel  # noqa: PLC0415

    built = "compiled" if given.target == "nest" else "linked"
    try:
        _generate(given)
    except GeneratedCodeBuildException as error:
        return [_step("generated", "passed"), _not_built(given.target, built, error)]
    except Exception as error:  # noqa: BLE001 - NESTML raises what it likes; all of it is about the model
        return [_step("generated", "failed", f"{type(error).__name__}: {error}")]
    if any(entry[2] == LoggingLevel.ERROR for entry in Logger.get_log().values()):
        return [_step("generated", "failed", "the model has errors")]
    return [_step("generated", "passed"), _step(built, "passed")]


def _not_built(target: str, built: str, error: Exception) -> dict[str, str]:
    if target == "spinnaker" and C_STACK not in os.environ:
        return _step(built, "skipped", f"SpiNNaker's C stack is not in the image ({C_STACK} is not set)")
    return _step(built, "failed", str(error))


def _generate(given: argparse.Namespace) -> None:
    from pynestml.frontend.pynestml_frontend import generate_target  # noqa: PLC0415 - heavy

    install = given.folder / "product"
    install.mkdir(parents=True, exist_ok=True)
    options: dict[str, Any] = _nest_version() if given.target == "nest" else {}
    if given.pair:
        options["neuron_synapse_pairs"] = [_pair(*given.pair)]
        if given.target == "nest":
            options["weight_variable"] = {given.pair[1]: "w"}
    generate_target(
        input_path=given.files,
        target_platform=given.target.upper(),
        target_path=str(given.folder / "generated"),
        install_path=str(install),
        logging_level="ERROR",
        module_name=given.module,
        codegen_opts=options,
    )


def _nest_version() -> dict[str, str]:
    """The option that names NEST's version, where this NESTML does not recognize it."""
    if not version("nestml").startswith(_TAKES_NEST_FOR_3_4):
        return {}
    said = subprocess.run(("nest-config", "--version"), capture_output=True, text=True, check=True).stdout  # noqa: S607 - the image's own PATH
    major, minor = (int(part) for part in said.split(".")[:2])
    return {"nest_version": "master"} if (major, minor) >= (3, 8) else {}


def _pair(neuron: str, synapse: str, port: str) -> dict[str, Any]:
    """A plastic synapse and its neuron, in the words of this NESTML."""
    if int(version("nestml").partition(".")[0]) < 9:
        return {"neuron": neuron, "synapse": synapse, "post_ports": [port]}
    return {"neuron": neuron, "synapses": {synapse: {"post_ports": [port]}}}


def _messages() -> list[dict[str, Any]]:
    """NESTML's own warnings and errors, with their place in the model's file."""
    from pynestml.utils.logger import Logger  # noqa: PLC0415 - heavy

    found = []
    for artifact, _node, level, _code, place, text in Logger.get_log().values():
        if level.name in {"WARNING", "ERROR"}:
            line, column = (place.get_start_line(), place.get_start_column()) if place else (None, None)
            found.append({"level": level.name.lower(), "file": artifact, "line": line, "column": column, "text": str(text)})
    return found


def _step(name: str, state: str, detail: str = "") -> dict[str, str]:
    return {"name": name, "state": state, "detail": detail}


if __name__ == "__main__":
    main()
