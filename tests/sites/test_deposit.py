"""A run with its image as an OCI image layout: deposited from one site's registry, repeated at the site while no registry answers."""

import json

import pytest

from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.supervision.fault_switches import clear, inject

pytestmark = pytest.mark.site

NETWORK = """
import json, sys
import nest
nest.set_verbosity("M_ERROR")
nest.rng_seed = int(sys.argv[1])
cells, recorder = nest.Create("iaf_psc_alpha", 50, params={"I_e": 370.0}), nest.Create("spike_recorder")
nest.Connect(nest.Create("poisson_generator", params={"rate": 8000.0}), cells, syn_spec={"weight": 5.0})
nest.Connect(cells, recorder)
nest.Simulate(200.0)
print(json.dumps([float(time) for time in recorder.events["times"]]))
"""


@pytest.fixture
def without_registry(running_site):
    """The site's registry is killed and stays away."""
    inject(running_site.name, Fault(kind=FaultKind.REGISTRY_DOWN))
    yield
    clear(running_site.name)


@pytest.fixture
def deposited(deploy, published, script, tmp_path):
    """A run that succeeded, and its layout."""
    record = deploy.run(script(NETWORK), "--image", "nest:edge", "--", "7")
    layout = tmp_path / "run.oci"
    deploy("export", record["id"], "--oci", "--to", str(layout), "--author", "Ada Lovelace")
    return record, layout


def test_it_runs_again_where_neither_cache_nor_registry_has_the_image(deploy, running_site, deposited, without_registry):
    first, layout = deposited
    cached = running_site.scratch / f"esd-images-{running_site.scratch.stat().st_uid}" / f"{first['image']['sif_digest'][7:]}.sif"
    cached.unlink()

    again = json.loads(deploy("rerun", "--from", str(layout), "--site", str(deploy.site_file), "--json").stdout)

    assert (again["rerun_of"], again["image"]["digest"], again["exit_code"]) == (first["id"], first["image"]["digest"], 0)
    assert (deploy.folder(again) / "stdout").read_text() == (deploy.folder(first) / "stdout").read_text()
    assert len(json.loads((deploy.folder(again) / "stdout").read_text().splitlines()[-1])) > 10
    assert json.loads((deploy.folder(again) / "esd" / "pull.json").read_text())["downloaded"] is False
    assert cached.is_file()


def test_what_is_in_the_cache_is_not_sent_again(deploy, deposited, without_registry):
    first, layout = deposited

    told = deploy("rerun", "--from", str(layout), "--site", str(deploy.site_file))

    assert "sending the image" not in told.stdout + told.stderr
    assert first["image"]["digest"][:12] in told.stdout
