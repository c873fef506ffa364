"""A run through a neuromorphic queue, that of a local site and EBRAINS's own: platform Demo, PyNN on NEST."""

import json
import ssl
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.real.deploy import Deploy
from tests.real.keycloak import Keycloak
from tests.real.machine import Machine
from tests.real.person import Person
from tests.real.queue import RealQueue

from esd_localsite.commands.fault import clear, inject
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.status import SiteStatus

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


@dataclass(frozen=True)
class Place:
    """A queue, as a site's file names it, and a user's token there."""

    address: str
    folder: Path
    tls: ssl.SSLContext
    token: Callable[[], str]

    def __call__(self, collab: str) -> Path:
        """A site's file for the queue, charging a collaboratory."""
        path = self.folder / f"queue-{collab}.yaml"
        path.write_text(
            f"kind: nmpi\ndescription: a queue\n{self.address}\nbackend: nest\n"
            f"nmpi: {{platform: Demo, collab: {collab}}}\nlimits: {{nodes: 1, time_s: 3600}}\npoll_s: 1\n"
        )
        return path


@pytest.fixture
def own(running_site: SiteStatus, image: Path, tmp_path: Path) -> Place:
    """The local site's."""
    verify = ssl.create_default_context(cafile=running_site.ca_file)

    def token() -> str:
        form = {"grant_type": "password", "username": running_site.username, "password": running_site.password_file.read_text().strip()}
        return str(httpx.post(f"{running_site.oidc_url}/token", data=form, verify=verify).json()["access_token"])

    return Place(f"status_file: /var/lib/esd-localsite/{running_site.name}/status.json", tmp_path, verify, token)


@pytest.fixture
def real(
    real_queue: RealQueue, machine: Machine, keycloak: Keycloak, readable_image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    """EBRAINS's own, whose machine runs the image here; with a login that is kept."""
    address = f"queue_url: {real_queue.url}\nca_file: {real_queue.ca_file}\ncredentials: {{oidc: '{keycloak.issuer}'}}"
    place = Place(address, tmp_path, real_queue.tls, keycloak.token)
    person = Deploy(tmp_path, place("demo").read_text())
    person.log_in(Person(keycloak))
    monkeypatch.setenv("ESD_STATE_DIR", person.environment["ESD_STATE_DIR"])
    machine.image = readable_image
    yield place
    machine.image = None


@pytest.fixture(params=["own", "real"])
def queue(request: pytest.FixtureRequest) -> Place:
    """Each queue in turn."""
    found: Place = request.getfixturevalue(request.param)
    return found


def test_a_network_runs_and_its_record_is_as_of_unicore(deploy, queue, script, tmp_path) -> None:
    finished = deploy("run", str(script(NETWORK)), "--site", str(queue("demo")), "--output", f"queued-{tmp_path.name}")
    assert "SUCCESSFUL" in finished.stdout

    record = next(deploy.runs.glob(f"queued-{tmp_path.name}/*/run.json")).read_text()
    assert '"spikes": 300' in record
    assert '"NEST": "3.10.0"' in record
    assert '"mode": "queue"' in record
    assert "Bearer" not in record


@pytest.mark.parametrize(("collab", "says"), [("no-quota", "sufficient compute quota"), ("nowhere", "no collab with this id")])
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
    deploy("run", str(packed), "--site", str(queue("demo")), "--output", f"archived-{tmp_path.name}")

    (record,) = deploy.runs.glob(f"archived-{tmp_path.name}/*/run.json")
    assert json.loads(record.read_text())["metrics"] == {"spikes": 300}
    assert sorted(json.loads(record.read_text())["script"]["inputs"]) == ["parts/cells.py"]


@pytest.fixture
def in_maintenance(running_site: SiteStatus):
    """The queue answers the next three questions with 503."""
    inject(running_site.name, Fault(kind=FaultKind.NMPI_503, times=3))
    yield
    clear(running_site.name, (FaultKind.NMPI_503,))


def test_a_run_goes_on_through_maintenance(deploy, own, script, in_maintenance) -> None:
    finished = deploy("run", str(script("print(1)\n")), "--site", str(own("demo")), "--output", "patient")
    assert "SUCCESSFUL" in finished.stdout
    assert "is in maintenance" in finished.stderr


def test_a_job_that_is_removed_ends_the_waiting(deploy, queue, script, tmp_path) -> None:
    site, output = str(queue("demo")), f"removed-{tmp_path.name}"
    submitted = deploy("submit", str(script("import time\ntime.sleep(20)\n")), "--site", site, "--output", output)
    run = submitted.stdout.split()[-1]
    url = json.loads((deploy.runs / output / run / "run.json").read_text())["job"]["url"]
    with httpx.Client(verify=queue.tls) as owner:
        assert owner.delete(url, headers={"Authorization": f"Bearer {queue.token()}"}).is_success

    ended = deploy("attach", run, "--site", site, "--output", output, code=1)

    assert "removed from the queue" in ended.stdout + ended.stderr
