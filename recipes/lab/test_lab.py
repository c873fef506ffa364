"""The contract of the lab image: the clients have the environment's pins, and JupyterLab can start it as a kernel."""

import json
import sys
from pathlib import Path

import pytest
from testinfra.host import Host

from esd_build.data.project import Environment
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import run

pytestmark = pytest.mark.image

CELLS = """
from jupyter_client.manager import start_new_kernel

def result(client, code):
    told = []
    answer = client.execute_interactive(code, timeout=120, output_hook=lambda message: told.append(message["content"]))
    assert answer["content"]["status"] == "ok", answer["content"]
    return told
"""
NEST = "import nest; nest.set_verbosity('M_ERROR'); n = nest.Create('iaf_psc_alpha', 3); print(len(n), nest.__version__)"
FIGURE = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"


def python(host: Host, code: str) -> str:
    """The last line that a Python program prints inside the image."""
    finished = host.run("cd /tmp && HOME=$(mktemp -d) python3 -c %s", code)
    assert finished.rc == 0, finished.stdout
    return str(finished.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize(("name", "distribution"), [("PyUNICORE", "pyunicore"), ("NMPI client", "hbp_neuromorphic_platform")])
def test_clients_are_the_pinned_ones(host: Host, environment: Environment, name: str, distribution: str) -> None:
    found = python(host, f"from importlib.metadata import version; print(version('{distribution}'))")
    assert found == environment.pins[name].version


@pytest.mark.parametrize("module", ["pyunicore.client", "nmpi", "ebrains_drive", "pynestml", "pyNN", "matplotlib", "pandas", "ipykernel"])
def test_what_a_notebook_of_the_published_workflow_imports_is_there(host: Host, module: str) -> None:
    assert python(host, f"import {module}; print({module}.__name__)") == module


def test_nest_is_still_the_pinned_one(host: Host, environment: Environment) -> None:
    assert environment.pins["NEST"].version in python(host, NEST)


def test_its_own_kernel_runs_nest_and_shows_a_figure(host: Host, environment: Environment) -> None:
    code = f"""{CELLS}
manager, client = start_new_kernel(kernel_name="python3")
said = "".join(one["text"] for one in result(client, {NEST!r}) if one.get("name") == "stdout")
shown = [one for one in result(client, {FIGURE!r}) if "image/png" in one.get("data", {{}})]
manager.shutdown_kernel(now=True)
print(said.strip().splitlines()[-1], len(shown))
"""
    assert python(host, code) == f"3 {environment.pins['NEST'].version} 1"


FROM_OUTSIDE = f"""
import json, os, signal, sys, threading
from pathlib import Path
{CELLS}
manager, client = start_new_kernel(kernel_name="esd-edge")
told = result(client, {NEST!r} + "; import sys; print(sys.executable, sys.path.count('/nowhere'))")
said = "".join(one["text"] for one in told if one.get("name") == "stdout")
threading.Timer(3.0, manager.interrupt_kernel).start()
late = client.execute_interactive("import time; time.sleep(60)", timeout=50, output_hook=lambda message: None)
manager.shutdown_kernel(now=False)
print(json.dumps([said.strip().splitlines()[-2:], late["content"]["ename"], manager.has_kernel]))
"""


def test_jupyter_on_the_host_starts_it_by_its_kernel_spec(apptainer: Apptainer, readable_image: Path, environment: Environment) -> None:
    """As a user's JupyterLab does it: the client is the host's, the kernel is in the image; it is interrupted, and it ends."""
    if run((sys.executable, "-c", "import jupyter_client"), account=apptainer.account).returncode:
        pytest.skip(f"{apptainer.account.name} has no jupyter_client here: {sys.executable}")
    home = Path(run(("mktemp", "-d"), account=apptainer.account).text.strip())
    variables = {"HOME": str(home), "JUPYTER_DATA_DIR": str(home / "data"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    set_up = ("env", *(f"{name}={value}" for name, value in variables.items()))
    made = run((*set_up, "apptainer", "exec", "--bind", str(home), str(readable_image), "install-kernel"), account=apptainer.account)
    assert made.returncode == 0, made.text
    written = json.loads((home / "data" / "kernels" / "esd-edge" / "kernel.json").read_text())
    assert written["display_name"] == f"EBRAINS ESD edge (NEST {environment.pins['NEST'].version})"

    done = run((*set_up, "PYTHONPATH=/nowhere", sys.executable, "-c", FROM_OUTSIDE), account=apptainer.account)

    assert done.returncode == 0, done.text
    assert json.loads(done.text.strip().splitlines()[-1]) == [
        [f"3 {environment.pins['NEST'].version}", "/usr/bin/python3 0"],
        "KeyboardInterrupt",
        False,
    ]
