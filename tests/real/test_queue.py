"""A run's whole way through a neuromorphic job queue, as its user takes it: at ours and at the real one, with tokens of a few seconds."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.esd_localsite.unicore.conftest import PASSWORD, USER
from tests.real.deploy import Deploy, ended
from tests.real.keycloak import Keycloak
from tests.real.own_queue import own_queue
from tests.real.person import Person
from tests.real.queue import RealQueue

pytestmark = pytest.mark.integration

TOKEN_S = 15
"""How long tokens live: shorter than these tests take."""
TIMES = {"poll_seconds": 0.05, "grace_seconds": 0.3, "kill_seconds": 1.0, "oidc_access_seconds": TOKEN_S}
WRITES = "import os, sys\nos.makedirs('out')\nopen('out/a b.txt', 'w').write(' '.join(sys.argv[1:]))\nprint('said é')\n"
Place = Callable[[Path, str], Deploy]
"""Gives esd-deploy in a folder, at the queue, charging a collaboratory."""


def site(address: str, charged: str) -> str:
    """The text of a site's file."""
    collab = f", collab: {charged}" if charged else ""
    limits = "limits: {nodes: 1, time_s: 3600}\npoll_s: 1\n"
    return f"kind: nmpi\ndescription: a queue\n{address}\nbackend: nest\nnmpi: {{platform: Demo{collab}}}\n{limits}"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Ours: its tokens come by password, each when the one before is near its end."""
    folder = tmp_path_factory.mktemp("own-queue")
    (folder / "password").touch(mode=0o600)
    (folder / "password").write_text(PASSWORD)
    with own_queue(folder, times=TIMES) as queue:
        addresses = {"unicore_url": queue.endpoint.url, "registry": "", "nmpi_url": queue.url, "oidc_url": queue.issuer}
        user = {"username": USER, "password_file": str(folder / "password"), "ca_file": str(queue.ca_file)}
        (folder / "status.json").write_text(json.dumps({"name": "own", "state": "running", **addresses, **user}))
        yield lambda here, charged: Deploy(here, site(f"status_file: {folder / 'status.json'}", charged))


@pytest.fixture(scope="module")
def real(real_queue: RealQueue, machine: object, keycloak: Keycloak) -> Iterator[Place]:
    """The real one: its tokens come by the login that is kept."""
    keycloak.configure(accessTokenLifespan=TOKEN_S)
    address = f"queue_url: {real_queue.url}\nca_file: {real_queue.ca_file}\ncredentials: {{oidc: '{keycloak.issuer}'}}"

    def place(here: Path, charged: str) -> Deploy:
        deploy = Deploy(here, site(address, charged))
        deploy.log_in(Person(keycloak))
        return deploy

    yield place
    keycloak.configure(accessTokenLifespan=300)


@pytest.fixture(params=["own", "real"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each queue in turn."""
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def deploy(place: Place, tmp_path: Path) -> Deploy:
    return place(tmp_path, "demo")


def test_from_submission_to_results_log_and_removal(deploy: Deploy) -> None:
    run = deploy("submit", deploy.script(WRITES), "--tag", "alpha", "--", "7", "x y").split()[-1]
    assert "SUCCESSFUL" in deploy("attach", run)
    (record,) = deploy.records()
    assert [state["status"] for state in record["states"]][-1] == "SUCCESSFUL"
    assert (deploy.result("out/a b.txt"), deploy.result("stdout")) == ("7 x y", "said é\n")
    assert record["job"]["description"]["tags"][-1] == "alpha"
    assert {"hardware_platform", "submitted", "completed", "resource_usage"} <= record["job"]["details"].keys()
    assert "Bearer" not in json.dumps(record)
    assert {file["path"]: file["checked_by"] for file in record["files"]} == {
        "esd/versions.json": "sha1",
        "out/a b.txt": "sha1",
        "stdout": None,  # the log, of which no queue notes a hash
    }

    deploy("delete", run)
    assert "removed" in deploy("attach", run, code=1)


def test_a_job_that_fails_brings_its_traceback(deploy: Deploy) -> None:
    said = deploy("run", deploy.script("raise ValueError('no such network')\n"), code=1)
    assert "ValueError: no such network" in said
    assert "no such network" in deploy.result("stdout")


def test_a_run_outlives_its_first_token(deploy: Deploy) -> None:
    said = deploy("run", deploy.script(f"import time\ntime.sleep({TOKEN_S + 5})\n{WRITES}"))
    assert "SUCCESSFUL" in said
    assert "trying again" not in said


@pytest.mark.parametrize(
    ("charged", "code", "says"),
    [
        ("no-quota", 4, "You do not have sufficient compute quota to submit this job"),
        (
            "nowhere",
            4,
            "the collaboratory 'nowhere': it is not there, or you may not submit there (You do not have access",
        ),
        ("", 3, "here.yaml"),
    ],
)
def test_a_collaboratory_that_may_not_or_is_none(place: Place, tmp_path: Path, charged: str, code: int, says: str) -> None:
    deploy = place(tmp_path, charged)
    assert says in deploy("run", deploy.script(WRITES), code=code)


def test_a_tag_that_the_queue_would_refuse(deploy: Deploy) -> None:
    assert "tags of 2 to 100 characters" in deploy("run", deploy.script(WRITES), "--tag", "x", code=3)


def test_a_lost_submission_is_found_behind_many_younger_jobs(deploy: Deploy) -> None:
    """By its tag: a list has ten jobs a page."""
    slow = deploy.begin("run", deploy.script("import time\ntime.sleep(5)\n"))
    end = time.monotonic() + 60
    while not (records := deploy.records()) or not records[0]["job"]["url"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    url, file = records[0]["job"]["url"], next(deploy.folder.glob("runs/*/run.json"))
    slow.kill()
    slow.communicate()
    deploy("submit", deploy.script("pass\n"), "--output", "others", "--count", "11")
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "job": {**records[0]["job"], "url": None}, "states": records[0]["states"][:1]})
    )
    assert "SUCCESSFUL" in ended(deploy.begin("attach", records[0]["id"]))
    assert deploy.records()[0]["job"]["url"] == url
