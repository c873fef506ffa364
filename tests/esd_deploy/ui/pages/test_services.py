"""Services as a page: which there are, where, and that one is ended in order."""

import json
import threading

import pytest
from tests.esd_deploy.runs.test_taking_up import submitted

from esd_deploy.backends.connection import JobState
from esd_deploy.records import record
from esd_deploy.services.standing import ADDRESS, TOKEN

SECRET = "x" * 40
KNOWN = {"host": "10.1.2.3", "port": 4000, "ranks": 2, "nest": "3.10.0", "ends_at": 4000000000.0}


@pytest.fixture
def service(place, script, runs, connection):
    """A run that serves."""
    connection.states = [JobState("RUNNING")]
    run = submitted(place, script, runs, tags=["service"])
    run.refresh()
    (run.folder / "esd/service").mkdir(parents=True)
    (run.folder / ADDRESS).write_text(json.dumps(KNOWN))
    (run.folder / TOKEN).write_text(SECRET)
    return run


def test_a_service_is_listed_with_its_address_and_without_its_token(browser, service, place, script, runs):
    other = submitted(place, script, runs)

    text = browser.get("/services").text

    assert [word in text for word in (f"/run/{service.id}", "http://10.1.2.3:4000", "2096-10-02", "Stop and save")] == [True] * 4
    assert [word in text for word in (SECRET, f"/run/{other.id}")] == [False] * 2


def test_without_a_service_the_page_says_how_to_start_one(browser):
    assert "esd-deploy serve nest-server" in browser.get("/services").text


def test_a_service_is_stopped_and_its_results_are_fetched(browser, service, connection, runs, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _s: None)
    connection.states, connection.results = [JobState("RUNNING"), JobState("SUCCESSFUL", exit_code=0)], {"recorders.npz": b"x"}

    answer = browser.post(f"/run/{service.id}/stop")
    ended()

    assert "/services" in answer.headers["location"]
    assert record.load(runs, service.id).complete
    assert not (service.folder / TOKEN).exists()
    assert "Stop and save" not in browser.get("/services").text


def test_a_service_that_cannot_be_stopped_is_a_notice(browser, desk, service, connection):
    connection.states = [JobState("QUEUED")]

    browser.post(f"/run/{service.id}/stop")
    ended()

    assert any("does not serve (QUEUED)" in one for one in desk.follower.notices())


def test_an_ordinary_run_is_not_stopped_by_this_page(browser, place, script, runs):
    other = submitted(place, script, runs)

    answer = browser.post(f"/run/{other.id}/stop")

    assert (answer.status_code, "is no service" in answer.text) == (400, True)


def test_a_run_that_is_not_there_is_one_message(browser):
    assert browser.post("/run/none/stop").status_code == 400


def ended():
    """Wait for what ends a run in the background."""
    for one in threading.enumerate():
        if one.name == "esd-ui-stop":
            one.join(30)
