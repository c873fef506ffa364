"""However a job ends, nothing of it stays on the nodes, and no node is blocked."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.site

TWO_NODES = ("--image", "nest:edge", "--nodes", "2", "--tasks-per-node", "2")
PROGRAM = """
import os, pathlib, subprocess, sys, time
rank = os.environ["SLURM_PROCID"]
if sys.argv[2] == "child":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])
pathlib.Path(f"began.{rank}").touch()
while not all(pathlib.Path(f"began.{other}").exists() for other in range(4)):
    time.sleep(0.1)
if sys.argv[2] == "dies" and rank == "1":
    sys.exit(7)
if sys.argv[2] == "ends":
    time.sleep(int(rank) / 2)
    sys.exit(0)
time.sleep(600)
"""


def processes(word: str) -> list[str]:
    """The command lines on this machine, so on all nodes, that have the word; without esd-deploy's own."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if word in line and "esd-deploy" not in line and "srun" not in line:
            found.append(line)
    return found


def soon(true, what: str) -> None:
    """Waits until it is true; Slurm takes up to a minute for a node of which something is left, and then drains it."""
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


@pytest.fixture
def nodes(running_site):
    """Asks Slurm for the nodes' states."""

    def states() -> set[str]:
        command = ("sinfo", "--noheader", "--Node", "--format=%T")
        told = subprocess.run(command, env={**os.environ, "SLURM_CONF": str(running_site.slurm_conf)}, check=True, capture_output=True)
        return set(told.stdout.decode().split())

    return states


@pytest.fixture
def begun(deploy, published, script):
    """A run of four ranks on two nodes, which all run by now; the word by which its processes are known."""

    def begin(how: str, *options: str) -> tuple[str, str]:
        word = f"left-{os.urandom(6).hex()}"
        arguments = (str(script(PROGRAM)), "--site", str(deploy.site_file), "--json", *TWO_NODES, *options, "--", word, how)
        run_id = json.loads(deploy("submit", *arguments).stdout)["id"]
        return run_id, word

    return begin


def nothing_left(nodes, word: str) -> None:
    soon(lambda: nodes() == {"idle"}, f"nodes are {nodes()}")
    assert processes(word) == []


@pytest.mark.parametrize("how", ["sleeps", "child"])
def test_after_cancel(deploy, begun, nodes, how):
    run_id, word = begun(how)
    soon(lambda: len(processes(word)) >= (8 if how == "child" else 4), "the ranks did not begin")

    deploy("cancel", run_id)

    deploy("attach", run_id, code=1)
    nothing_left(nodes, word)


def test_after_the_time_limit(deploy, begun, nodes):
    run_id, word = begun("sleeps", "--time", "1m")

    deploy("attach", run_id, code=1)

    nothing_left(nodes, word)
    assert json.loads((deploy.folder({"id": run_id}) / "run.json").read_text())["ending"]["kind"] == "time limit"


def test_after_a_ranks_death_which_ends_the_others_and_gives_the_code(deploy, begun, nodes):
    run_id, word = begun("dies")

    deploy("attach", run_id, code=1)

    nothing_left(nodes, word)
    record = json.loads((deploy.folder({"id": run_id}) / "run.json").read_text())
    assert (record["exit_code"], record["ending"]["kind"]) == (7, "failed")


def test_ranks_that_end_one_after_the_other_end_well(deploy, begun, nodes):
    run_id, word = begun("ends")

    deploy("attach", run_id)

    nothing_left(nodes, word)
