"""The problems of other people's software that docs/reference/known-problems.md names: each still happens in the image.

Where one no longer does, the test fails: take its row off the page, and its case from here.
"""

from pathlib import Path

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

from esd_build.data.project import Environment

pytestmark = pytest.mark.image
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "known-problems.md"
LIMIT_S = 60
HUNG = 124
"""What timeout(1) says."""

FEW = """
print("before", flush=True)
cells = sim.Population(1, sim.IF_cond_exp())
cells.record("spikes")
sim.run(10.0)
cells.get_data(["spikes"])
print("after", flush=True)
"""
SOURCE = """
source = sim.Population(4, sim.SpikeSourceArray(spike_times=[0.5]))
source.record("spikes")
sim.run(1.0)
print("before", flush=True)
source.get_data(["spikes"])
print("after", flush=True)
"""
SHARED = """
cells = sim.Population(4, sim.IF_cond_exp())
cells.record("spikes")
sim.run(1.0)
print("before", flush=True)
cells.get_data(["spikes"])
print("after", flush=True)
"""
CASES = {
    "fewer cells than ranks": ({"0.13.0"}, FEW, HUNG, "IndexError: too many indices for array"),
    "SpikeSourceArray": ({"0.13.0"}, SOURCE, 1, "KeyError: 1"),
    "`get_data` of any population": ({"0.10.1", "0.12.3"}, SHARED, 1, "KeyError: 'source_id'"),
}
"""The words on the page: PyNN's versions, a program, its exit code on two ranks, and what it says."""


@pytest.fixture
def _inside(request: pytest.FixtureRequest, host: Host, environment: Environment) -> None:
    """Skips the cases of another PyNN, and an image without PyNN on NEST."""
    if host.run('python3 -c \'import importlib.util as u, sys; sys.exit(not (u.find_spec("pyNN") and u.find_spec("nest")))\'').rc:
        pytest.skip("the image has no PyNN on NEST")
    pynn, words = environment.pins["PyNN"].version, request.node.callspec.params["words"]
    if pynn not in CASES[words][0]:
        pytest.skip(f"seen in PyNN {', '.join(sorted(CASES[words][0]))}; the image has {pynn}")


@pytest.mark.usefixtures("_inside")
@pytest.mark.parametrize("words", CASES)
def test_a_known_problem_still_happens_on_two_ranks_and_never_on_one(host: Host, environment: Environment, words: str) -> None:
    _, program, code, said = CASES[words]
    inside = f"| PyNN {environment.pins['PyNN'].version} on NEST {environment.pins['NEST'].version}, "
    assert [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(inside) and words in line], inside

    alone = started(host, 1, program)
    assert (alone.rc, "after" in alone.stdout) == (0, True), alone.stderr
    two = started(host, 2, program)
    if two.rc == 0:
        pytest.fail(f"'{words}' works on two ranks: take it off {PAGE.name}, and its case from this file")
    assert "before" in two.stdout
    assert (two.rc, said in two.stdout + two.stderr) == (code, True), two.stdout + two.stderr


def test_nestml_7_still_takes_a_newer_nest_for_3_4(host: Host, environment: Environment) -> None:
    pins = {name: environment.pins[name].version for name in ("NESTML", "NEST") if name in environment.pins}
    if not (pins.get("NESTML", "").startswith("7.") and pins.get("NEST", "").startswith("3.8")):
        pytest.skip(f"seen in NESTML 7.0.2 on NEST 3.8; the image has {pins}")
    assert f"| NESTML {pins['NESTML']} on NEST 3.8 |" in PAGE.read_text(encoding="utf-8")
    found = host.run("python3 -c 'from pynestml.codegeneration.nest_tools import NESTTools; print(NESTTools.detect_nest_version())'")
    assert found.rc == 0, found.stderr
    assert found.stdout.split()[-1] == "v3.4", f"NESTML recognizes this NEST: take it off {PAGE.name}"


def started(host: Host, ranks: int, program: str) -> CommandResult:
    """A PyNN program on some ranks of this machine; ended where it hangs."""
    text = f"import pyNN.nest as sim\nsim.setup(timestep=0.1, min_delay=0.1, max_delay=5.0)\n{program}"
    limited = f"timeout --kill-after=5 {LIMIT_S} mpirun --oversubscribe -np {ranks}"
    return host.run(f"cd /tmp && PRTE_MCA_plm_ssh_agent=false {limited} python3 -c %s", text)
