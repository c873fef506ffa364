"""What is not lost, on a real site: a run repeated, taken up elsewhere, fetched through faults; an image without its registry."""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from tests.esd_deploy.conftest import ODD_VALUES

from esd_deploy.runs import rerun
from esd_deploy.runs.site import Site
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.layout import Layout
from esd_localsite.supervision.fault_switches import OF_THE_OWN_SERVER, clear, inject

pytestmark = pytest.mark.site

IMAGE = ("--image", "nest:edge")
PROGRAM = """
import os, random
from pathlib import Path
Path("result.bin").write_bytes(random.Random(1).randbytes(200_000))
for name in ("with blank", "quote'\\"", "$(touch evil)", "größe", "percent%20", "question?mark#", "x$HOME.txt", "$USERX"):
    Path(name).write_text(os.environ["PYNN_SIMULATOR"])
"""
RESULT = hashlib.sha256(__import__("random").Random(1).randbytes(200_000)).hexdigest()
NAMES = {"with blank", "quote'\"", "$(touch evil)", "größe", "percent%20", "question?mark#", "x$HOME.txt", "$USERX"}
"""Shells and addresses dislike these, and UNICORE's TSI reads the last two in its own way."""


@pytest.fixture
def first(deploy, published, script):
    """A run that has ended."""
    return deploy.run(script(PROGRAM), *IMAGE)


def right(record) -> bool:
    found = {file["path"]: file for file in record["files"]}
    return found["result.bin"]["sha256"] == RESULT and all(found[name]["checked"] for name in {"result.bin", *NAMES})


def test_odd_names_come_home_and_a_run_is_repeated_and_taken_up_elsewhere(deploy, first, tmp_path):
    assert right(first)
    assert (deploy.folder(first) / "with blank").read_text() == "nest"
    assert first["ending"]["kind"] == "succeeded"

    again = json.loads(deploy("rerun", first["id"], "--json").stdout)
    assert (again["rerun_of"], again["script"], right(again)) == (first["id"], first["script"], True)

    elsewhere = deploy("attach", first["id"], "--site", str(deploy.site_file), "--output", str(tmp_path), "--json")
    assert json.loads(elsewhere.stdout)["image"] == first["image"]
    by_url = deploy("attach", first["job"]["url"], "--site", str(deploy.site_file), "--output", str(tmp_path / "url"), "--json")
    assert right(json.loads(by_url.stdout))


def test_a_job_is_deleted_only_on_request_and_only_once_its_results_are_here(deploy, first):
    deploy("delete", first["id"])

    assert "no longer knows" in deploy("fetch", first["id"], code=4).stderr


SAYS = "import json, os\njson.dump({name: os.environ.get(name) for name in %r}, open('said.json', 'w'))\n"


def test_every_value_of_a_variable_arrives_as_it_is_and_is_the_users_alone(deploy, published, script, running_site):
    given = [word for name, value in ODD_VALUES.items() for word in ("--env", f"{name}={value}")]

    record = deploy.run(script(SAYS % list(ODD_VALUES)), *IMAGE, *given)

    assert json.loads((deploy.folder(record) / "said.json").read_text()) == ODD_VALUES
    assert "Größe" not in json.dumps(record["job"]["description"], ensure_ascii=False)
    folder = Layout(running_site.name).uspace / record["job"]["url"].rpartition("/")[2]
    assert folder.stat().st_mode & 0o777 == 0o700


MIXTURE = (
    Fault(kind=FaultKind.SUBMIT_503, times=2),
    Fault(kind=FaultKind.CUT_BODY, times=4),
    Fault(kind=FaultKind.EXPIRED_SESSIONS, times=5),
    Fault(kind=FaultKind.SLOW, times=2, seconds=1),
)


@pytest.fixture
def mended(running_site):
    """Switches all faults off afterwards."""
    if os.geteuid() != 0:
        pytest.skip("needs root: faults are thrown as root")
    yield running_site.name
    mend(running_site.name)


@pytest.fixture
def throw(request, mended):
    """Switches a fault on, where the site's server has it."""

    def throw_it(fault):
        if fault.kind in OF_THE_OWN_SERVER:
            request.getfixturevalue("own_server")
        inject(mended, fault)

    return throw_it


def mend(name: str) -> None:
    """Clear all faults; a node that came back by itself cannot be resumed, and Slurm says so."""
    with suppress(LocalSiteError):
        clear(name)


def test_a_mixture_of_faults_costs_time_only(deploy, published, script, mended):
    for fault in MIXTURE:
        inject(mended, fault)

    record = deploy.run(script(PROGRAM), *IMAGE)

    assert right(record)
    place = Site.load(str(deploy.site_file))
    assert place.connect().find(record["id"]) == [record["job"]["url"]]


def test_an_image_that_is_in_the_cache_runs_without_its_registry(deploy, first, script, mended):
    inject(mended, Fault(kind=FaultKind.REGISTRY_DOWN))

    record = deploy.run(script(PROGRAM), *IMAGE)

    assert (right(record), record["pull"]["downloaded"], record["image"]["digest"]) == (True, False, first["image"]["digest"])


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "ending"),
    [
        (Fault(kind=FaultKind.EXPIRED_SESSIONS, times=20), "succeeded"),
        (Fault(kind=FaultKind.SUBMIT_503, times=3), "succeeded"),
        (Fault(kind=FaultKind.CUT_BODY, times=6), "succeeded"),
        (Fault(kind=FaultKind.SLOW, times=5, seconds=2), "succeeded"),
        (Fault(kind=FaultKind.SBATCH_FAILS, times=1), "succeeded"),
        (Fault(kind=FaultKind.SBATCH_FAILS, times=20), "not submitted"),
        (Fault(kind=FaultKind.PRECOMMAND_IN_BATCH, times=1), "succeeded"),
        (Fault(kind=FaultKind.ENDPOINT_RESTART), "succeeded"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.kind}-{value.times}",
)
def test_each_fault_is_survived_or_called_by_its_name(deploy, first, script, mended, throw, fault, ending):
    throw(fault)

    record = deploy.run(script(PROGRAM), *IMAGE, code=0 if ending == "succeeded" else 1)

    assert record["ending"]["kind"] == ending


@pytest.mark.long
@pytest.mark.parametrize(("kind", "ending"), [(FaultKind.NODE_DOWN, "node failure"), (FaultKind.JOB_LOST, "unknown")])
def test_a_job_that_dies_with_its_node_or_vanishes_is_repeated_from_its_record(deploy, first, script, mended, throw, kind, ending):
    place = Site.load(str(deploy.site_file))
    runs = deploy.runs / "runs"
    run = place.submit(script("import time; time.sleep(20)"), image="nest:edge", nodes=2, runs=runs)
    while run.refresh().status != "RUNNING":
        run._sleep(0.5)
    throw(Fault(kind=kind, times=1 if kind is FaultKind.JOB_LOST else None))

    ended = run.wait()
    mend(mended)

    assert not ended.succeeded
    assert ended.ending.kind in {ending, "cancelled"}
    assert str(rerun.plan(ended, run.folder, place.config).image.reference) == ended.image.reference
    shutil.rmtree(run.folder)


def test_no_secret_is_in_anything_that_was_written(deploy, first, running_site):
    password = Path(running_site.password_file).read_bytes().strip()

    assert [path for path in deploy.runs.rglob("*") if path.is_file() and password in path.read_bytes()] == []
