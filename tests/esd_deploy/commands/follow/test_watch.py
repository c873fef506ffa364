"""`watch` and `list` for many runs: what is asked, what is fetched, and what of it stays in memory."""

import json

import pytest
from tests.esd_deploy.commands.test_cli import call
from tests.esd_deploy.conftest import FakeBackend
from tests.esd_deploy.runs.test_taking_up import ENDPOINT, submitted

from esd_build.data.errors import ToolError, UsageError
from esd_deploy import Site
from esd_deploy.backends.connection import GoneError, JobState, RefusedError
from esd_deploy.commands.follow import watch
from esd_deploy.records import record
from esd_deploy.runs.patience import REFUSED_S
from esd_deploy.several.fleet import Fleet

DONE = JobState("SUCCESSFUL", exit_code=0)


@pytest.fixture
def place(config, image, connection):
    return Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)


def fleet(place, runs):
    return Fleet(runs, lambda _name: place)


def watched(monkeypatch, place, connection):
    """Instead of waiting: the site goes on by one state."""
    monkeypatch.setattr("esd_deploy.commands.follow.watch.Fleet", lambda runs: fleet(place, runs))
    monkeypatch.setattr("esd_deploy.commands.follow.watch.time.sleep", lambda _s: None)


def test_runs_are_followed_to_their_end_and_fetched(capsys, monkeypatch, place, script, tmp_path, connection):
    runs = [submitted(place, script, tmp_path) for _ in range(3)]
    connection.results = {"out.txt": b"spikes"}
    connection.states = [*[JobState("QUEUED")] * 3, *[JobState("RUNNING")] * 3, DONE]
    watched(monkeypatch, place, connection)

    code, out, _ = call(capsys, "watch", "--output", tmp_path)

    assert (code, out) == (0, "3 runs ended, 0 of them did not succeed\n")
    assert [(run.folder / "out.txt").read_bytes() for run in runs] == [b"spikes"] * 3
    assert {record.load(tmp_path, run.id).ending.kind for run in runs} == {"succeeded"}


def test_a_run_that_ended_while_nobody_fetched_is_fetched_by_the_next_watch(capsys, monkeypatch, place, script, tmp_path, connection):
    run = submitted(place, script, tmp_path)
    connection.results = {"out.txt": b"spikes"}
    connection.states = [DONE]
    watched(monkeypatch, place, connection)

    assert call(capsys, "watch", "--no-fetch", "--output", tmp_path)[0] == 0
    assert not (run.folder / "out.txt").exists()
    assert call(capsys, "watch", "--output", tmp_path)[:2] == (0, "1 runs ended, 0 of them did not succeed\n")
    assert (run.folder / "out.txt").exists()
    assert call(capsys, "watch", "--output", tmp_path)[1] == "no run is active\n"


@pytest.mark.parametrize("how", ["--fetch", "--no-fetch"])
def test_a_run_that_failed_is_named_and_makes_the_exit_code(capsys, monkeypatch, place, script, tmp_path, connection, how):
    run = submitted(place, script, tmp_path)
    connection.states = [JobState("FAILED", exit_code=7)]
    watched(monkeypatch, place, connection)

    code, _, err = call(capsys, "watch", how, "--output", tmp_path)

    assert (code, f"{run.id}: " in err) == (1, True)


def test_one_connection_serves_all_questions_and_all_fetches(place, script, tmp_path, connection):
    opened = []
    runs = [submitted(place, script, tmp_path) for _ in range(4)]
    connection.states = [JobState("RUNNING")] * 4 + [DONE]
    several = Fleet(tmp_path, lambda _name: opened.append(1) or place)

    assert {one.status for one in several.refresh(run.id for run in runs)} == {"RUNNING"}
    assert {one.status for one in several.refresh(run.id for run in runs)} == {"SUCCESSFUL"}
    assert [one.ending for one in several.bring(run.id for run in runs)] == ["succeeded"] * 4
    assert opened == [1]


def test_results_that_cannot_be_fetched_are_told_with_their_run(place, script, tmp_path, connection, monkeypatch):
    run = submitted(place, script, tmp_path)
    connection.states = [DONE]
    several = fleet(place, tmp_path)
    several.refresh([run.id])

    def broken(_job):
        raise ToolError("disk full\nmore")

    monkeypatch.setattr(connection, "files", broken)

    (found,) = several.bring([run.id])

    assert (found.id, found.problem, found.status) == (run.id, "disk full", "SUCCESSFUL")


def test_a_result_that_cannot_be_fetched_is_no_success_and_is_tried_by_the_next_watch(
    capsys, monkeypatch, place, script, tmp_path, connection
):
    run = submitted(place, script, tmp_path)
    connection.results = {"out.txt": b"spikes", "lost.txt": b"x"}
    connection.states = [DONE]
    watched(monkeypatch, place, connection)
    real = connection.read

    def read(job, path, offset=0):
        if path == "lost.txt":
            raise ToolError("the disk is broken\nmore")
        return real(job, path, offset)

    monkeypatch.setattr(connection, "read", read)
    code, _, err = call(capsys, "watch", "--output", tmp_path)
    assert (code, f"{run.id}: 1 of its results could not be fetched; lost.txt: the disk is broken\n" in err) == (4, True), err

    monkeypatch.setattr(connection, "read", real)
    assert call(capsys, "watch", "--output", tmp_path)[:2] == (0, "1 runs ended, 0 of them did not succeed\n")
    assert (run.folder / "lost.txt").exists()


def failing(connection, monkeypatch, script):
    """The site's answers about a job: errors are raised."""

    def state(_job):
        answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, JobState):
            return answer
        raise answer

    monkeypatch.setattr(connection, "state", state)


def test_a_job_that_is_gone_is_over_and_said(capsys, monkeypatch, place, script, tmp_path, connection):
    submitted(place, script, tmp_path)
    failing(connection, monkeypatch, [JobState("RUNNING"), GoneError("no longer there")])
    watched(monkeypatch, place, connection)

    code, out, err = call(capsys, "watch", "--output", tmp_path)

    assert (code, out, "no longer there" in err) == (4, "1 runs ended, 1 of them did not succeed\n", True)


REFUSED, NO_TOKEN = RefusedError("does not let this token in"), UsageError("the token has expired")
SEEN = JobState("RUNNING")


@pytest.mark.parametrize("told", [[REFUSED], [NO_TOKEN], [SEEN, REFUSED], [SEEN, NO_TOKEN]])
def test_a_token_that_is_no_longer_good_ends_the_watching(capsys, monkeypatch, place, script, tmp_path, connection, told):
    *before, error = told
    submitted(place, script, tmp_path)
    failing(connection, monkeypatch, told.copy())
    watched(monkeypatch, place, connection)
    waited = []
    monkeypatch.setattr("esd_deploy.commands.follow.watch.time.sleep", waited.append)

    code, _, err = call(capsys, "watch", "--output", tmp_path)

    patient = bool(before) and isinstance(error, RefusedError)
    assert (code, err.splitlines()[-1]) == (error.exit_code, f"esd-deploy: {error}")
    assert len(waited) == len(before) + (REFUSED_S / 5 if patient else 0)


def test_a_token_that_is_renewed_while_a_site_refuses_it_lets_the_watching_go_on(capsys, monkeypatch, place, script, tmp_path, connection):
    submitted(place, script, tmp_path)
    failing(connection, monkeypatch, [JobState("RUNNING"), RefusedError("expired"), RefusedError("expired"), DONE])
    watched(monkeypatch, place, connection)

    code, _, err = call(capsys, "watch", "--output", tmp_path)

    assert (code, err.count("expired")) == (0, 1)


def test_a_server_is_not_asked_faster_for_more_runs():
    assert (watch.pause(3, 5), watch.pause(500, 5)) == (5, 10)


def test_a_list_is_one_json_array_however_many_runs(capsys, place, script, tmp_path):
    assert json.loads(call(capsys, "list", "--output", tmp_path / "none", "--json")[1]) == []
    ids = {submitted(place, script, tmp_path).id for _ in range(3)}

    assert {one["id"] for one in json.loads(call(capsys, "list", "--output", tmp_path, "--json")[1])} == ids
