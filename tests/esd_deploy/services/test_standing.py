import json
from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import FakeConnection, prepared

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.backends.connection import JobState
from esd_deploy.runs.run import Run
from esd_deploy.services import nest_server, standing
from esd_deploy.services.standing import ADDRESS, STOP, TOKEN, Address, NotServingError

KNOWN = {"host": "10.1.2.3", "port": 4000, "ranks": 2, "nest": "3.10.0", "ends_at": 1800000000.0}
SECRET = b"s3cret-s3cret-s3cret"


@pytest.fixture
def site():
    one = FakeConnection(states=[JobState("QUEUED"), JobState("RUNNING"), JobState("RUNNING")])
    one.results = {ADDRESS: json.dumps(KNOWN).encode(), TOKEN: SECRET + b"\n"}
    return one


@pytest.fixture
def run(planned, tmp_path, site):
    serving = replace(planned, tags=(nest_server.TAG,))
    one = Run(prepared(serving, tmp_path / "run-1"), tmp_path / "run-1", site, poll_s=10, sleep=lambda _s: None)
    one.submit()
    return one


def no_sleep(_seconds):
    """Time passes."""


def test_it_waits_until_the_service_has_noted_its_address(run, site):
    appeared, site.results = site.results, {}

    def sleep(_seconds):
        if run.record.status == "RUNNING":
            site.results = appeared

    assert standing.ready(run, sleep=sleep) == Address(**KNOWN)
    assert (run.folder / TOKEN).read_bytes() == SECRET
    assert (run.folder / TOKEN).stat().st_mode & 0o777 == 0o600
    assert SECRET.decode() not in (run.folder / "run.json").read_text()


def test_a_service_that_ended_is_told_with_its_own_words(run, site):
    site.states = [JobState("RUNNING"), JobState("FAILED", "non-zero exit code", exit_code=1)]
    site.results = {"stderr": b"slurm: x\nnest-server: rank 0: net.py: ZeroDivisionError: division by zero\n"}

    with pytest.raises(NotServingError, match=r"before it served: rank 0: net.py: ZeroDivisionError: division by zero; `esd-deploy logs"):
        standing.ready(run, sleep=no_sleep)


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "127.0.0.1"},
        {"host": "0.0.0.0"},
        {"host": "::1"},
        {"host": "169.254.1.1"},
        {"host": "evil.example.org"},
        {"host": "10.0.0.1/x"},
        {"port": 0},
        {"port": 70000},
        {"ranks": 0},
        {"ends_at": float("nan")},
        {"ends_at": 1e300},
        {"nest": "x" * 101},
    ],
)
def test_an_address_that_cannot_be_is_not_believed(run, site, changed):
    site.results[ADDRESS] = json.dumps({**KNOWN, **changed}).encode()

    with pytest.raises(ToolError, match="not the address of a service"):
        standing.ready(run, sleep=no_sleep)


@pytest.mark.parametrize("token", [b"", b"short", b"with\r\nheader: x" * 3, b"x" * 201])
def test_a_token_that_cannot_be_is_not_kept(run, site, token):
    site.results[TOKEN] = token

    with pytest.raises(ToolError, match="holds no token"):
        standing.ready(run, sleep=no_sleep)
    assert not (run.folder / TOKEN).exists()


def test_a_link_in_the_token_s_place_leads_nowhere(run, tmp_path):
    (run.folder / "esd/service").mkdir(parents=True)
    (run.folder / TOKEN).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ToolError, match="is a link"):
        standing.ready(run, sleep=no_sleep)
    assert not (tmp_path / "elsewhere").exists()


def test_stop_asks_by_a_file_and_waits_for_the_end(run, site):
    standing.ready(run, sleep=no_sleep)
    site.states = [JobState("RUNNING"), JobState("RUNNING"), JobState("SUCCESSFUL", exit_code=0)]
    site.results = {"recorders.npz": b"x"}

    ended = standing.stopped(run, sleep=no_sleep)

    assert site.uploaded[STOP] == b""
    assert ended.succeeded
    assert not (run.folder / TOKEN).exists()
    assert [one.path for one in ended.files] == ["recorders.npz"]


def test_stop_of_one_that_goes_on_names_the_harder_way(run, site):
    site.states = [JobState("RUNNING")]

    with pytest.raises(NotServingError, match=r"goes on after 30 s .*; `esd-deploy cancel run-1`"):
        standing.stopped(run, patience_s=30, sleep=no_sleep)


def test_stop_of_one_that_waits_in_the_queue(run, site):
    site.states = [JobState("QUEUED")]

    with pytest.raises(NotServingError, match=r"does not serve \(QUEUED\); `esd-deploy cancel run-1`"):
        standing.stopped(run, sleep=no_sleep)
    assert STOP not in site.uploaded


@pytest.mark.parametrize(("state", "way"), [("RUNNING", "cancel run-2` ends it"), ("SUCCESSFUL", "fetch run-2` fetches its results")])
def test_stop_of_an_ordinary_run_is_refused_before_its_job_is_touched(planned, tmp_path, site, state, way):
    record, folder = prepared(replace(planned, run_id="run-2"), tmp_path / "run-2"), tmp_path / "run-2"
    ordinary = Run(record, folder, site, poll_s=1, sleep=lambda _s: None)
    ordinary.submit()
    site.states = [JobState(state, exit_code=0)]
    ordinary.refresh()

    with pytest.raises(UsageError, match=rf"run run-2 is no service, so `stop` does nothing; `esd-deploy {way}"):
        standing.stopped(ordinary, sleep=no_sleep)
    assert STOP not in site.uploaded


def test_a_run_that_never_served_has_no_client(run):
    with pytest.raises(UsageError, match="does not serve, as far as this machine knows"):
        standing.client_of(run.folder)


def test_what_lies_in_the_service_s_folder_is_no_result(run, site):
    site.states = [JobState("SUCCESSFUL", exit_code=0)]
    site.results = {TOKEN: SECRET, ADDRESS: b"{}", "stdout": b"x"}

    run.wait()

    assert [one.path for one in run.record.files] == ["stdout"]
