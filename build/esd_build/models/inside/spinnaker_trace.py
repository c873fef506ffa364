"""Runs inside the spinnaker image: compiles generated code for ARM968, and runs one neuron of it, alone, in an emulator.

spinnaker_trace.py FOLDER compile           every generated neuron becomes an ARM object in FOLDER/product/objects
spinnaker_trace.py FOLDER run REQUEST.json  one neuron through a schedule; writes FOLDER/trace.json

What is executed is the generated C with this folder's stand-ins for SpiNNaker's run-time library. The neuron's memory is what
sPyNNaker's own classes, generated too, would load onto the machine.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CORE = ("-mcpu=arm968e-s", "-marm")
COMPILER = ("arm-none-eabi-gcc", *CORE, "-std=gnu99", "-Os", "-Wall", "-Wno-unused", "-I", str(HERE / "standin"))
SCALE = 1 << 15
"""A raw value of 1: fixed point with 15 bits behind the point."""


def implementations(folder: Path) -> list[Path]:
    """The generated neurons' C headers; a synapse has several, and none of this name alone."""
    found = sorted((folder / "product" / "c_models" / "src" / "my_models" / "implementations").glob("*_impl.h"))
    return [path for path in found if "_timing_impl" not in path.name and "_weight_impl" not in path.name]


def compile_neuron(header: Path, output: Path) -> str:
    """Make an ARM object; what the compiler said, empty where it had nothing to say."""
    define = f'-DNEURON_IMPL="{header.name}"'
    command = (*COMPILER, "-I", str(header.parent), define, "-c", str(HERE / "unit.c"), "-o", str(output))
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def memory(folder: Path, model: str, request: dict[str, Any]) -> list[int]:
    """A neuron's words as sPyNNaker would write them: from the generated Python classes, which hold defaults and propagators."""
    home = folder / "scratch"
    home.mkdir(exist_ok=True)
    (home / ".spynnaker.cfg").write_text("[Machine]\nvirtual_board = True\nversion = 5\n")
    os.environ["HOME"] = str(home)
    os.chdir(home)
    sys.path.insert(0, str(folder / "product"))
    sim = importlib.import_module("pyNN.spiNNaker")
    sim.setup(timestep=request["timestep_ms"])
    neuron = getattr(importlib.import_module(f"python_models8.neuron.builds.{model}"), model)(**request["parameters"])
    values: dict[str, float] = {}
    implementation = neuron._model  # noqa: SLF001 - sPyNNaker has no public name for it
    implementation.add_parameters(values)
    implementation.add_state_variables(values)
    words = [int(kind.encode_as_int(values[name])) for kind, name in implementation.structs[0].fields]
    request["variables"] = list(implementation.get_recordable_variables())
    sim.end()
    return words


def schedule(request: dict[str, Any], words: list[int]) -> str:
    """The C header with everything that the trace program needs."""
    rows = ",\n".join("{" + ", ".join(str(round(weight * SCALE)) for weight in row) + "}" for row in request["inputs"])
    return (
        "#include <stdint.h>\n"
        f"static const uint32_t WORDS[] = {{{', '.join(f'0x{word & 0xFFFFFFFF:08x}u' for word in words)}}};\n"
        f"enum {{ STEPS = {len(request['inputs'])}, PORTS = {len(request['inputs'][0])} }};\n"
        f"static const int32_t INPUTS[STEPS][PORTS] = {{\n{rows}\n}};\n"
    )


def read(output: str, variables: list[str]) -> dict[str, Any]:
    """The program's lines as series: values in the model's units, spikes by step."""
    series: dict[str, list[float]] = {name: [] for name in variables}
    spikes = []
    for kind, *fields in (line.split() for line in output.splitlines()):
        if kind == "v":
            series[variables[int(fields[1])]].append(int(fields[2]) / SCALE)
        elif kind == "s":
            spikes.append(int(fields[0]))
        else:
            raise SystemExit(f"the neuron in C has {fields[0]} words, its Python class has others")
    return {"series": series, "spikes": spikes}


def run(folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Compile, link, emulate one neuron."""
    model = request["model"]
    header = next(path for path in implementations(folder) if path.name == f"{model}_impl.h")
    words = memory(folder, model, request)
    build = folder / "trace"
    build.mkdir(exist_ok=True)
    (build / "schedule.h").write_text(schedule(request, words))
    unit, program = build / "unit.o", build / "trace.elf"
    said = compile_neuron(header, unit)
    if not unit.is_file():
        raise SystemExit(said)
    # rdimon: newlib's input and output through the emulator, which may not use the lowest addresses.
    link = ("--specs=rdimon.specs", "-Wl,-Ttext-segment=0x100000")
    command = (*COMPILER, "-I", str(build), str(HERE / "trace.c"), str(unit), "-o", str(program), *link)
    subprocess.run(command, check=True)
    emulated = subprocess.run(("/usr/local/bin/qemu-arm", "-cpu", "arm946", str(program)), capture_output=True, text=True, check=False)
    found = read(emulated.stdout, request["variables"])
    if emulated.returncode != 0:
        raise SystemExit(f"the emulated program ended with {emulated.returncode}: {emulated.stderr}")
    return found


def main() -> None:
    """See the module's text."""
    folder, what = Path(sys.argv[1]), sys.argv[2]
    os.environ.setdefault("MPLCONFIGDIR", str(folder / "scratch"))
    if what == "run":
        request = json.loads((folder / sys.argv[3]).read_text())
        (folder / "trace.json").write_text(json.dumps(run(folder, request)))
        return
    objects = folder / "product" / "objects"
    objects.mkdir(exist_ok=True)
    said = {path.stem: compile_neuron(path, objects / f"{path.stem}.o") for path in implementations(folder)}
    report = {name: {"compiled": (objects / f"{name}.o").is_file(), "said": text} for name, text in said.items()}
    (folder / "compile.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
