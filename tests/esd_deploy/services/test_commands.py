"""`serve`, `services` and `stop` as they are typed."""

import json

import pytest
from tests.esd_deploy.conftest import DATA, FakeConnection, prepared
from typer.testing import CliRunner

from esd_deploy import cli
from esd_deploy.backends.connection import JobState
from esd_deploy.commands.serve import stop
from esd_deploy.runs.run import Run
from esd_deploy.services.standing import ADDRESS, TOKEN

KNOWN = {"host": "10.1.2.3", "port": 4000, "ranks": 2, "nest": "3.10.0", "ends_at": 4000000000.0}


def typed(*words):
    return CliRunner().invoke(cli.app, list(words))


@pytest.fixture
def service(planned, tmp_path):
    """The folder of runs, with one that serves and one that is no service."""
    from dataclasses import replace

    runs = tmp_path / "runs"
    for name, tags in (("run-1", ("service",)), ("run-2", ())):
        prepared(replace(planned, run_id=name, tags=tags), runs / name)
    (runs / "run-1/esd/service").mkdir()
    (runs / "run-1" / ADDRESS).write_text(json.dumps(KNOWN))
    (runs / "run-1" / TOKEN).write_text("x" * 40)
    return runs


def test_services_are_listed_and_nothing_else(service):
    [found] = json.loads(typed("services", "--json", "--output", str(service)).stdout)

    assert (found["id"], found["url"], found["ranks"], found["status"]) == ("run-1", "http://10.1.2.3:4000", 2, "PREPARED")
    assert found["ends_in_s"] > 0
    table = typed("services", "--output", str(service)).stdout
    assert "http://10.1.2.3:4000" in table
    assert "x" * 40 not in table


def test_an_ended_service_is_listed_only_on_request(service):
    record = service / "run-1/run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "status": "SUCCESSFUL"}))

    assert json.loads(typed("services", "--json", "--output", str(service)).stdout) == []
    assert json.loads(typed("services", "--all", "--json", "--output", str(service)).stdout)[0]["url"] is None


def test_stop_ends_the_service_and_fetches_its_results(service, monkeypatch):
    site = FakeConnection(states=[JobState("RUNNING"), JobState("RUNNING"), JobState("SUCCESSFUL", exit_code=0)])
    site.results = {"recorders.npz": b"x"}

    def known(run_id, output, _site, steps):
        from esd_deploy.records.record import load

        run = Run(load(output, run_id), output / run_id, site, poll_s=1, display=steps, sleep=lambda _s: None)
        run.submit()
        return run

    monkeypatch.setattr(stop, "known_run", known)
    monkeypatch.setattr("time.sleep", lambda _s: None)

    found = typed("stop", "run-1", "--output", str(service))

    assert found.exit_code == 0, found.output
    assert "run-1: stopped; its results are in" in found.stdout
    assert (service / "run-1/recorders.npz").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("serve", "jupyter"), "nest-server"),
        (("serve", "nest-server", "--network", "/none.py"), "no such file"),
    ],
)
def test_what_cannot_be_served_is_said_before_anything_is_asked(words, told):
    import re

    found = typed(*words, "--site", str(DATA / "valid.yaml"))

    assert found.exit_code != 0
    assert re.search(told, f"{found.output} {found.exception}")


def test_stop_of_a_run_that_is_no_service_is_refused(service, monkeypatch):
    from esd_deploy.records.record import load

    def known(run_id, output, _site, steps):
        return Run(load(output, run_id), output / run_id, FakeConnection(), poll_s=1, display=steps)

    monkeypatch.setattr(stop, "known_run", known)

    found = typed("stop", "run-2", "--output", str(service))

    assert "run run-2 is no service, so `stop` does nothing; `esd-deploy cancel run-2` ends it" in f"{found.output} {found.exception}"
