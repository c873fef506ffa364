"""The contract of the arbor image: Arbor with MPI, the same spikes on one rank and on two, its own examples, and LFPykit."""

import json

import pytest
from testinfra.host import Host

from esd_build.data.project import Environment
from esd_build.data.target import march

pytestmark = pytest.mark.image

EXAMPLES = "/opt/arbor/share/arbor/examples"
CELLS = 20
MPIRUN = "mpirun --allow-run-as-root --oversubscribe -n 2"

# Arbor's ring of cable cells, as its example describes it; each rank keeps its own spikes, and rank 0 prints all of them to the bit.
RING = f"""
import json, re
from pathlib import Path
import arbor as A
from arbor import units as U
from mpi4py import MPI

code = Path("{EXAMPLES}/network_ring.py").read_text().partition("# (11)")[0]
exec(re.sub("^import (pandas|seaborn).*", "", code, flags=re.M))
ring = ring_recipe({CELLS})
sim = A.simulation(ring, A.context(mpi=MPI.COMM_WORLD))
sim.record(A.spike_recording.local)
sim.run({CELLS} * 10 * U.ms)
mine = [(int(source[0]), float(time).hex()) for source, time in sim.spikes()]
every = MPI.COMM_WORLD.gather(mine)
if every is not None:
    print(json.dumps({{"shares": [len(one) for one in every], "spikes": sorted(sum(every, []))}}))
"""


def python(host: Host, code: str, launcher: str = "") -> str:
    """The last line that a Python program prints inside the image."""
    finished = host.run(f"cd $(mktemp -d) && MPLCONFIGDIR=$PWD {launcher} python3 -c %s", code)
    assert finished.rc == 0, finished.stdout
    return str(finished.stdout.strip().splitlines()[-1])


def test_arbor_is_the_pinned_one(host: Host, environment: Environment, labels: dict[str, str]) -> None:
    pinned = environment.of("arbor").pins["Arbor"].version
    assert python(host, "import arbor; print(arbor.__version__)") == pinned
    assert labels["eu.ebrains.esd.arbor"] == pinned


def test_arbor_was_built_for_clusters(host: Host, environment: Environment) -> None:
    found = json.loads(python(host, "import arbor, json; print(json.dumps(arbor.config(), default=str))"))
    assert (found["mpi"], found["mpi4py"], found["vectorize"], found["arch"]) == (True, True, True, march(environment.target))


def test_it_can_be_coupled(host: Host) -> None:
    code = "import arbor; print(arbor.remote.msg_epoch(0.0, 1.0), arbor.external_connection.__name__)"
    assert python(host, code).endswith("external_connection")


def test_mpi4py_uses_the_mpi_that_arbor_was_linked_with(host: Host, environment: Environment) -> None:
    assert python(host, "from mpi4py import MPI; print(MPI.Get_library_version().split(',')[0])") == (
        f"Open MPI v{environment.pins['Open MPI'].version}"
    )
    maps = "[line.split()[-1] for line in open('/proc/self/maps') if 'libmpi.so' in line]"
    assert python(host, f"import arbor; from mpi4py import MPI; print(len(set({maps})))") == "1"


def test_the_ring_has_the_same_spikes_on_two_ranks(host: Host) -> None:
    one, two = (json.loads(python(host, RING, launcher)) for launcher in ("", MPIRUN))
    assert {gid for gid, _ in one["spikes"]} == set(range(CELLS))
    assert two["spikes"] == one["spikes"]
    assert all(share > 0 for share in two["shares"])


def test_the_brunel_example_runs(host: Host) -> None:
    finished = host.run(f"cd $(mktemp -d) && python3 {EXAMPLES}/brunel.py -n 40 -m 10 -e 20 -p 0.1 -w 1.2 -l 5 -t 50 -s 1 -G 50")
    assert finished.rc == 0, finished.stdout
    spikes = next(line for line in finished.stdout.splitlines() if line.endswith("spikes generated."))
    assert int(spikes.split()[0]) > 100


def test_a_mechanism_is_compiled_for_it(host: Host) -> None:
    """Arbor's own compiler for NMODL and the C++ compiler are in the image."""
    finished = host.run(f"cd $(mktemp -d) && cp -r {EXAMPLES}/cat . && arbor-build-catalogue cat cat && ls *.so")
    assert finished.rc == 0, finished.stdout
    assert finished.stdout.strip().splitlines()[-1] == "cat-catalogue.so"


def test_a_line_source_is_as_its_formula(host: Host) -> None:
    code = """
import lfpykit, numpy as np
cell = lfpykit.CellGeometry(x=np.array([[0.0, 100.0]]), y=np.zeros((1, 2)), z=np.zeros((1, 2)), d=np.ones((1, 2)))
found = lfpykit.LineSourcePotential(cell, x=np.array([50.0]), y=np.array([40.0]), z=np.array([0.0]), sigma=0.3).get_transformation_matrix()
by_hand = 2 * np.arcsinh(50.0 / 40.0) / (4 * np.pi * 0.3 * 100.0)
print(abs(found[0, 0] / by_hand - 1) < 1e-12)
"""
    assert python(host, code) == "True"
