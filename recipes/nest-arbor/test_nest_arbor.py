"""The contract of the nest-arbor image: NEST can be a part of an MPI world; alone, it is the NEST of the nest image."""

import json
from pathlib import Path

import pytest
from testinfra.host import Host

from esd_build.data.project import Environment

pytestmark = pytest.mark.image

MPIRUN = "mpirun --allow-run-as-root --oversubscribe -n"

PART = """
import json, os, sys
from mpi4py import MPI

world = MPI.COMM_WORLD
mine = world.Split(int(world.rank == world.size - 1), world.rank)
if "part" in sys.argv:
    os.environ["NEST_COMMUNICATOR"] = str(mine.py2f())
counted = 0
if "part" not in sys.argv or world.rank < world.size - 1:
    import nest
    nest.set_verbosity("M_ERROR")
    counted = nest.num_processes
    nest.Create("iaf_psc_alpha", 4, {"I_e": 500.0})
    nest.Simulate(10.0)
told = world.gather(counted)
if told is not None:
    print(json.dumps(told))
"""


def last(host: Host, command: str, *arguments: str) -> str:
    finished = host.run(f"cd $(mktemp -d) && PYNEST_QUIET=1 {command}", *arguments)
    assert finished.rc == 0, finished.stdout
    return str(finished.stdout.strip().splitlines()[-1])


def test_nest_is_the_pinned_one_and_arbor_is_there(host: Host, environment: Environment, labels: dict[str, str]) -> None:
    code = "import arbor, nest; print(nest.__version__, arbor.__version__)"
    pins = environment.of("arbor").pins
    assert last(host, "python3 -c %s", code) == f"{pins['NEST'].version} {pins['Arbor'].version}"
    assert (labels["eu.ebrains.esd.nest"], labels["eu.ebrains.esd.arbor"]) == (pins["NEST"].version, pins["Arbor"].version)


def test_nest_takes_a_part_of_the_world(host: Host) -> None:
    assert json.loads(last(host, f"{MPIRUN} 3 python3 -c %s part", PART)) == [2, 2, 0]


def test_without_the_variable_nothing_changes(host: Host) -> None:
    assert json.loads(last(host, f"{MPIRUN} 2 python3 -c %s whole", PART)) == [2, 2]


def test_its_recipe_differs_from_nest_s_in_the_patch_only() -> None:
    """Two texts that must stay in step: how NEST is configured and compiled."""
    recipes = Path(__file__).parents[1]
    nest, own = (
        next(line for line in (recipes / name / f"{name}.def").read_text().split("\n    cmake -S . -B _build")[1:]).partition("\n    if ")[
            0
        ]
        for name in ("nest", "nest-arbor")
    )
    assert own == nest
