"""A heterogeneous job: two programs, from two images, on two partitions that share no node, in one MPI world."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.sites.conftest import Deploy, registry_of

from esd_build.data.reference import ImageReference
from esd_build.product import finished
from esd_localsite import lifecycle
from esd_localsite.state.options import PartitionOption, SiteOptions
from esd_localsite.state.status import SiteStatus

pytestmark = pytest.mark.site

PROGRAM = """
from mpi4py import MPI
import json, socket
world = MPI.COMM_WORLD
found = world.gather(("%s", world.rank, socket.gethostname()))
if world.rank == 0:
    json.dump(found, open("world.json", "w"))
"""


@pytest.fixture(scope="module")
def modular(local_site_possible: None, site_options: SiteOptions) -> Iterator[SiteStatus]:
    """A site with a cluster of one node and a booster of the other, with the server of `--server`."""
    name = f"pytest-{os.getpid()}-modular"
    partitions = (PartitionOption(name="cluster", nodes=("c1",)), PartitionOption(name="booster", nodes=("c2",)))
    try:
        yield lifecycle.up(name, options=site_options.model_copy(update={"partitions": partitions}))
    finally:
        lifecycle.down(name, purge=True)


@pytest.fixture(scope="module")
def there(offer: Callable[[SiteStatus], Deploy], modular: SiteStatus, image: Path) -> Deploy:
    """The commands there; the same image has a second name, so that the record can tell two."""
    registry = registry_of(modular)
    registry.push(
        image, ImageReference.parse(f"{registry.host}/esd/nest:cells"), {**finished.read(image).labels, "org.ebrains.esd.test": "2"}
    )
    return offer(modular)


def programs(folder: Path, second: str = PROGRAM) -> tuple[str, str]:
    (folder / "network.py").write_text(PROGRAM % "network")
    (folder / "cells.py").write_text(second % "cells" if "%s" in second else second)
    return str(folder / "network.py"), f"name=cells,image={{image}},script={folder / 'cells.py'},tasks=2,partition=booster"


def test_one_world_of_two_programs_on_two_partitions(there: Deploy, modular: SiteStatus, tmp_path: Path) -> None:
    first, component = programs(tmp_path)
    component = component.format(image=f"{modular.registry}/esd/nest:cells")

    record = there.run(Path(first), "--image", "nest:edge", "--partition", "cluster", "--component", component)

    world = json.loads((there.folder(record) / "world.json").read_text())
    assert [(program, rank, host) for program, rank, host in world] == [("network", 0, "c1"), ("cells", 1, "c2"), ("cells", 2, "c2")]
    (cells,) = record["components"]
    assert (record["hosts"], record["ranks"], cells["partition"]) == (["c1", "c2"], 3, "booster")
    assert (list(record["image"]["nodes"]), list(cells["image"]["nodes"])) == (["c1"], ["c2"])
    assert set(cells["image"]["nodes"].values()) == {cells["image"]["sif_digest"].removeprefix("sha256:")}
    assert [one["path"] for one in record["files"] if one["path"].endswith(".sif")] == []

    again = json.loads(there("rerun", record["id"], "--json").stdout)

    (same,) = again["components"]
    assert (again["rerun_of"], again["ranks"], again["image"], same["image"]) == (record["id"], 3, record["image"], cells["image"])
    assert json.loads((there.folder(again) / "world.json").read_text()) == world


def test_a_component_that_fails_ends_all(there: Deploy, modular: SiteStatus, tmp_path: Path) -> None:
    first, component = programs(tmp_path, "raise SystemExit(5)\n")
    component = component.format(image="nest:edge")
    there("run", first, "--site", str(there.site_file), "--image", "nest:edge", "--partition", "cluster", "--component", component, code=1)
