"""`pip install esd-images`, in an empty environment and an empty folder: what works there, and what says that it needs a checkout."""

import json
import signal
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from tests.installed import ROOT, Installed

from esd_deploy.commands.sites import fit

pytestmark = pytest.mark.integration

FIT = fit.app.registered_commands[0].name or ""

OWN = """
kind: unicore
description: my own cluster
url: https://unicore.example.org:8080/MINE/rest/core
registry: registry.example.org
mpi: pmix
modules: [NEST]
credentials: {token_env: MY_TOKEN}
limits: {nodes: 2, time_s: 600}
"""
IMPORT_ALL = """
import importlib, pkgutil
INSIDE = ("esd_deploy.job.", "esd_deploy.validation.job.", "esd_build.models.inside.", "esd_build.providers.spack.inside.")
for package in ("esd_build", "esd_deploy", "esd_localsite"):
    for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if not found.name.startswith(INSIDE) and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
"""


def test_every_module_imports_with_nothing_but_what_the_package_declares(installed: Installed) -> None:
    installed("python", "-c", IMPORT_ALL)


@pytest.mark.parametrize("program", ["esd-deploy", "esd-build"])
def test_the_version_is_that_of_the_project(installed: Installed, program: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert installed(program, "--version").stdout == f"{program} {project['version']}\n"


def test_the_sites_come_along(installed: Installed) -> None:
    told = json.loads(installed("esd-deploy", "sites", "--json").stdout)
    assert {one["name"] for one in told} == {path.stem for path in ROOT.glob("site-configs/*.yaml")}
    assert {one["origin"] for one in told} == {"package"}
    assert "JUSUF at JSC" in installed("esd-deploy", "site", "jusuf").stdout


def test_the_data_is_the_checkouts_own(installed: Installed) -> None:
    """One source: what the wheel carries is equal to the file that it was copied from, and each kind is there."""
    (carried,) = installed.environment.glob("lib/python*/site-packages/esd_deploy/catalogue")
    files = {path.relative_to(carried) for path in carried.rglob("*") if path.is_file()}
    originals = [path for glob in ("site-configs/*.yaml", "recipes/*/image.yaml", "spack-envs/*/release.yaml") for path in ROOT.glob(glob)]
    assert {path.relative_to(ROOT) for path in originals} <= files
    assert [path for path in files if (carried / path).read_bytes() != (ROOT / path).read_bytes()] == []


def test_types_are_told(installed: Installed) -> None:
    (packages,) = installed.environment.glob("lib/python*/site-packages")
    assert all((packages / name / "py.typed").is_file() for name in ("esd_build", "esd_deploy", "esd_localsite"))


def test_ones_own_sites_go_first(installed: Installed) -> None:
    own = Path(installed.variables["HOME"]) / ".config" / "esd-images" / "sites"
    own.mkdir(parents=True, exist_ok=True)
    for name in ("mine", "jusuf"):
        (own / f"{name}.yaml").write_text(OWN)
    try:
        told = {one["name"]: one for one in json.loads(installed("esd-deploy", "sites", "--json").stdout)}
        assert told["mine"]["origin"] == told["jusuf"]["origin"] == "own"
        assert told["jusuf"]["hides"].endswith("catalogue/site-configs/jusuf.yaml")
        (own / "mine.yaml").write_text(OWN.replace("mpi:", "mpii:"))
        broken = installed("esd-deploy", "sites", code=2)
        assert "mpii: unknown key; did you mean 'mpi'?" in broken.stderr
        assert "karolina" in broken.stdout
    finally:
        for path in own.iterdir():
            path.unlink()


def test_a_site_file_by_its_path(installed: Installed) -> None:
    (installed.folder / "mine.yml").write_text(OWN)
    (installed.folder / "net.py").write_text("import nest\n")
    printed = installed("esd-deploy", "script", "net.py", "--site", "mine.yml", "--nodes", "2", MY_TOKEN="x").stdout
    assert "module load NEST" in printed
    assert printed.endswith(
        "srun --kill-on-bad-exit=1 --mpi=pmix --nodes=2 --ntasks=2 --ntasks-per-node=1 --cpus-per-task=1 python3 net.py\n"
    )


def test_a_whole_reference_needs_no_checkout(installed: Installed) -> None:
    """Nobody answers at that registry: that is what is told, not a missing folder."""
    (installed.folder / "mine.yaml").write_text(OWN)
    (installed.folder / "net.py").write_text("import nest\n")
    told = installed(
        "esd-deploy", "run", "net.py", "--site", "mine.yaml", "--image", "127.0.0.1:1/esd/own:1", "--dry-run", code=4, MY_TOKEN="x"
    )
    assert "127.0.0.1:1" in told.stderr
    assert "checkout" not in told.stderr


@pytest.mark.parametrize(("program", "arguments"), [("esd-deploy", ("list",)), ("esd-deploy", ("checks",)), ("esd-deploy", ("-h",))])
def test_commands_that_need_no_site(installed: Installed, program: str, arguments: tuple[str, ...]) -> None:
    assert installed(program, *arguments).stdout


@pytest.mark.parametrize(
    ("program", "arguments", "why"),
    [
        ("esd-build", ("image", "nest"), "esd-build image: this command reads the recipes/ and spack-envs/ of a checkout"),
        ("esd-build", ("list",), "esd-build list: this command reads the recipes/"),
        ("esd-deploy", (FIT, "net.py", "--site", "spinnaker"), "without --image, this maps the network in dist/images/spinnaker-edge.sif"),
    ],
)
def test_what_needs_a_checkout_says_which_command_and_why(installed: Installed, program: str, arguments: tuple[str, ...], why: str) -> None:
    (installed.folder / "net.py").write_text("import nest\n")
    told = installed(program, *arguments, code=3).stderr
    assert why in told
    assert f"{installed.folder} is not in " in told


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("esd-deploy run net.py --site jus", ["jusuf"]),
        ("esd-deploy run net.py --image nest-s", ["nest-server"]),
        ("esd-deploy site juwels-", ["juwels-booster"]),
        ("esd-deploy local sta", ["status"]),
        ("esd-build ima", ["image"]),
    ],
)
def test_the_shell_completes(installed: Installed, line: str, offered: list[str]) -> None:
    """As bash asks, by the script that --install-completion writes."""
    program = line.split(maxsplit=1)[0]
    asked = {
        f"_{program.upper().replace('-', '_')}_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    assert installed(program, **asked).stdout.split() == offered


def test_bash_itself_completes(installed: Installed) -> None:
    """The whole way: the printed script, sourced, and the function that bash would call."""
    ask = 'COMP_WORDS=(esd-deploy local st); COMP_CWORD=2; _esd_deploy_completion esd-deploy; echo "${COMPREPLY[@]}"'
    variables = {**installed.variables, "PATH": f"{installed.environment / 'bin'}:{installed.variables['PATH']}"}
    typed = f'eval "$(esd-deploy --show-completion)"\n{ask}'  # the program sees by its parents which shell asks
    finished = subprocess.run(("bash", "-c", typed), env=variables, capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["status"]


@pytest.mark.parametrize("program", ["esd-deploy", "esd-build"])
def test_an_interruption_while_it_loads_leaves_no_traceback(installed: Installed, program: str) -> None:
    """At ten moments of the time that a call takes, from when Python itself is up: before that, the interpreter has the word."""
    command = (str(installed.environment / "bin" / program), "--version")
    begun = time.monotonic()
    installed(program, "--version")
    needed = time.monotonic() - begun
    for moment in range(1, 11):
        with subprocess.Popen(command, env=installed.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(max(0.15, needed * moment / 10))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        early = "site.py" in err or ".start import main" in err  # before a line of ours has run
        assert "Traceback" not in err or early, err
        assert process.returncode in {0, 130, -signal.SIGINT} or early, (process.returncode, out, err)
