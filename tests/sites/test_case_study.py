"""The balanced network on a real two-node site, from the registry to the spikes."""

import hashlib
from pathlib import Path

import neo
import pytest
from tests.sites.conftest import mpi_name

from esd_build.data.project import Environment
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage, Registry
from esd_localsite.state.status import SiteStatus

pytestmark = pytest.mark.site

EXAMPLE = Path(__file__).parents[2] / "examples" / "balanced_network" / "balanced_network.py"


@pytest.fixture(scope="module")
def on_two_nodes(deploy, published):
    """The record of a run on two nodes, by the image's name and tag."""
    return deploy.run(EXAMPLE, "--image", "nest:edge", "--nodes", "2")


@pytest.fixture(scope="module")
def on_one_node(deploy, published, on_two_nodes):
    """The same on one node, from the image that is in the site's cache by now."""
    return deploy.run(EXAMPLE, "--image", "nest:edge", "--nodes", "1")


@pytest.fixture(scope="module")
def with_two_threads(deploy, published, on_two_nodes):
    """The same on one node with two threads: as many virtual processes as on two nodes."""
    return deploy.run(EXAMPLE, "--image", "nest:edge", "--nodes", "1", "--threads", "2")


def spikes(folder: Path, population: str) -> list[list[float]]:
    """Spike times in ms of each recorded neuron."""
    with neo.io.NixIO(str(folder / f"spikes-{population}.nix"), mode="ro") as file:
        return [train.rescale("ms").magnitude.tolist() for train in file.read_block().segments[0].spiketrains]


def test_two_hosts_and_two_ranks_of_one_simulation(on_two_nodes, running_site: SiteStatus) -> None:
    assert on_two_nodes["status"] == "SUCCESSFUL"
    assert on_two_nodes["exit_code"] == 0
    assert on_two_nodes["hosts"] == ["c1", "c2"]
    assert on_two_nodes["ranks"] == 2
    assert on_two_nodes["metrics"]["ranks"] == 2  # what NEST itself counts: nest.NumProcesses()
    assert f"srun --kill-on-bad-exit=1 --mpi={mpi_name(running_site.launcher)} --nodes=2 --ntasks=2" in on_two_nodes["launch"]
    assert "apptainer exec --sharens" in on_two_nodes["launch"]


def test_digest_is_the_one_that_the_registry_serves(on_two_nodes, published: PublishedImage, registry: Registry) -> None:
    served = registry.resolve(ImageReference.parse(f"{registry.host}/esd/nest:edge"))
    assert on_two_nodes["image"]["digest"] == served.reference.digest == published.reference.digest
    assert on_two_nodes["job"]["description"]["Environment"]["ESD_IMAGE_REFERENCE"] == served.reference.oras


def test_record_proves_what_ran(on_two_nodes, environment: Environment) -> None:
    assert on_two_nodes["script"]["sha256"] == hashlib.sha256(EXAMPLE.read_bytes()).hexdigest()
    for name in ("NEST", "PyNN", "mpi4py"):
        assert on_two_nodes["versions"][name] == environment.pins[name].version
    assert on_two_nodes["versions"]["MPI"] == f"Open MPI v{environment.pins['Open MPI'].version}"
    times = [state["time"] for state in on_two_nodes["states"]]
    assert times == sorted(times)
    assert [state["status"] for state in on_two_nodes["states"]][-2:] == ["RUNNING", "SUCCESSFUL"]


def test_results_are_what_the_record_says(deploy, on_two_nodes) -> None:
    folder = deploy.folder(on_two_nodes)
    found = {entry["path"]: entry for entry in on_two_nodes["files"]}
    assert {"metrics.json", "spikes-excitatory.nix", "spikes-inhibitory.nix"} <= found.keys()
    for name, entry in found.items():
        content = (folder / name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["size"], entry["sha256"]), name


def test_two_nodes_compute_the_spikes_of_two_threads(deploy, on_two_nodes, with_two_threads) -> None:
    """NEST's promise: the same number of virtual processes gives the same spikes, however they lie on nodes. To the last bit."""
    assert (with_two_threads["ranks"], with_two_threads["metrics"]["threads"]) == (1, 2)
    for population in ("excitatory", "inhibitory"):
        trains = spikes(deploy.folder(on_two_nodes), population)
        assert len(trains) == 200
        assert sum(map(len, trains)) > 1000
        assert trains == spikes(deploy.folder(with_two_threads), population)


def test_image_is_downloaded_once(on_two_nodes, on_one_node) -> None:
    assert on_two_nodes["pull"]["downloaded"] is True
    assert on_two_nodes["pull"]["host"] == "login"
    assert on_one_node["pull"]["downloaded"] is False


def test_one_node_and_two_nodes_agree(on_two_nodes, on_one_node) -> None:
    """Another number of ranks draws other random numbers: the networks differ, their statistics do not.

    Tolerance: see examples/balanced_network/README.md, "How exact".
    """
    one, two = on_one_node["metrics"], on_two_nodes["metrics"]
    assert (one["ranks"], two["ranks"]) == (1, 2)
    assert one["neurons"] == two["neurons"]
    for population in ("excitatory", "inhibitory"):
        assert one[f"rate_{population}_hz"] == pytest.approx(two[f"rate_{population}_hz"], abs=2.1)
        assert one[f"cv_isi_{population}"] == pytest.approx(two[f"cv_isi_{population}"], abs=0.05)
        assert 5 < two[f"rate_{population}_hz"] < 50
        assert 0.5 < two[f"cv_isi_{population}"] < 1.2
