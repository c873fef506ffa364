"""A run through the neuromorphic queue of a local site: platform Demo, PyNN on NEST."""

import json
import ssl
import zipfile
from pathlib import Path

import httpx
import pytest

from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.status import SiteStatus
from esd_localsite.supervision.fault_switches import clear, inject

pytestmark = pytest.mark.site

NETWORK = """
import importlib, json, os
sim = importlib.import_module("pyNN." + os.environ["PYNN_SIMULATOR"])
sim.setup(timestep=1.0)
cells = sim.Population(50, sim.IF_curr_exp(i_offset=1.0), label="cells")
cells.record("spikes")
sim.run(200.0)
spikes = sum(len(train) for train in cells.get_data("spikes").segments[0].spiketrains)
json.dump({"spikes": spikes}, open("metrics.json", "w"))
"""


@pytest.fixture
def queue(running_site: SiteStatus, image: Path, tmp_path: Path):
    """Writes a site's file for the queue, charging a collaboratory."""
    status = Path("/var/lib/esd-localsite") / running_site.name / "status.json"

    def make(collab: str) -> Path:
        path = tmp_path / f"queue-{collab}.yaml"
        path.write_text(
            f"kind: nmpi\ndescription: a queue\nstatus_file: {status}\nbackend: nest\n"
            f"nmpi: {{platform: Demo, collab: {collab}}}\nlimits: {{nodes: 1, time_s: 3600}}\npoll_s: 1\n"
        )
        return path

    return make


def test_a_network_runs_and_its_record_is_as_of_unicore(deploy, queue, script) -> None:
    finished = deploy("run", str(script(NETWORK)), "--site", str(queue("demo")), "--output", "queued")
    assert "SUCCESSFUL" in finished.stdout

    record = next(deploy.runs.glob("queued/*/run.json")).read_text()
    assert '"spikes": 300' in record
    assert '"NEST": "3.10.0"' in record
    assert '"mode": "queue"' in record
    assert "Bearer" not in record


@pytest.mark.parametrize(("collab", "says"), [("no-quota", "has no quota"), ("nowhere", "not found")])
def test_a_collaboratory_that_may_not_is_said(deploy, queue, script, collab, says) -> None:
    refused = deploy("run", str(script(NETWORK)), "--site", str(queue(collab)), code=4)
    assert says in refused.stderr


def test_a_failed_script_brings_its_traceback(deploy, queue, script) -> None:
    failed = deploy("run", str(script("raise ValueError('no such network')\n")), "--site", str(queue("demo")), code=1)
    assert "no such network" in failed.stderr


def test_an_archive_runs_with_all_that_is_in_it(deploy, queue, tmp_path) -> None:
    packed = tmp_path / "net.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("run.py", NETWORK.replace("sim.setup", "from parts.cells import SIZE\nsim.setup").replace("50", "SIZE"))
        archive.writestr("parts/cells.py", "SIZE = 50\n")
    deploy("run", str(packed), "--site", str(queue("demo")), "--output", "archived")

    (record,) = deploy.runs.glob("archived/*/run.json")
    assert json.loads(record.read_text())["metrics"] == {"spikes": 300}
    assert sorted(json.loads(record.read_text())["script"]["inputs"]) == ["parts/cells.py"]


@pytest.fixture
def in_maintenance(running_site: SiteStatus):
    """The queue answers the next three questions with 503."""
    inject(running_site.name, Fault(kind=FaultKind.NMPI_503, times=3))
    yield
    clear(running_site.name, (FaultKind.NMPI_503,))


def test_a_run_goes_on_through_maintenance(deploy, queue, script, in_maintenance) -> None:
    finished = deploy("run", str(script("print(1)\n")), "--site", str(queue("demo")), "--output", "patient")
    assert "SUCCESSFUL" in finished.stdout
    assert "is in maintenance" in finished.stderr


def test_a_job_that_is_removed_ends_the_waiting(deploy, queue, script, running_site) -> None:
    site = str(queue("demo"))
    submitted = deploy("submit", str(script("import time\ntime.sleep(300)\n")), "--site", site, "--output", "removed")
    run = submitted.stdout.split()[-1]
    url = json.loads((deploy.runs / "removed" / run / "run.json").read_text())["job"]["url"]
    form = {"grant_type": "password", "username": running_site.username, "password": running_site.password_file.read_text().strip()}
    with httpx.Client(verify=ssl.create_default_context(cafile=running_site.ca_file)) as owner:
        token = owner.post(f"{running_site.oidc_url}/token", data=form).json()["access_token"]
        assert owner.delete(url, headers={"Authorization": f"Bearer {token}"}).is_success

    ended = deploy("attach", run, "--site", site, "--output", "removed", code=1)

    assert "removed from the queue" in ended.stdout + ended.stderr
