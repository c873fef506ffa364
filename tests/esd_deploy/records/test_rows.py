"""Runs as rows of one table."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.esd_deploy.conftest import prepared

from esd_deploy.backends.connection import JobState
from esd_deploy.records import rows
from esd_deploy.records.record_parts import StateRecord


@pytest.fixture
def one(planned, tmp_path):
    return prepared(planned.with_parameters((("g", 4.5),), "run-1"), tmp_path / "run-1")


def at(*states):
    begin = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return tuple(StateRecord(status=status, time=begin + timedelta(seconds=second)) for status, second in states)


def test_an_ended_run_has_its_times_parameters_and_metrics(one):
    states = at(("PREPARED", 0), ("QUEUED", 1), ("RUNNING", 3), ("SUCCESSFUL", 15.5))
    ended = one.with_state(JobState("SUCCESSFUL", exit_code=0)).model_copy(update={"states": states, "metrics": {"rate_hz": 21.5}})

    row = rows.row(ended)

    assert {name: row[name] for name in ("id", "status", "exit_code", "submitted", "started", "ended", "seconds")} == {
        "id": "run-1",
        "status": "SUCCESSFUL",
        "exit_code": 0,
        "submitted": "2026-11-30T12:00:00Z",
        "started": "2026-11-30T12:00:03Z",
        "ended": "2026-11-30T12:00:15Z",
        "seconds": 12.5,
    }
    assert (row["param.g"], row["metric.rate_hz"]) == (4.5, 21.5)


def test_what_was_not_seen_is_unknown(one):
    ended = one.with_state(JobState("SUCCESSFUL", exit_code=0)).model_copy(update={"states": at(("PREPARED", 0), ("SUCCESSFUL", 9))})

    assert [rows.row(ended)[name] for name in ("started", "seconds", "ranks")] == [None, None, None]
    assert [rows.row(one)[name] for name in ("ended", "seconds", "exit_code")] == [None, None, None]


def test_parameters_and_metrics_of_all_runs_are_columns_in_that_order():
    found = rows.columns([{"id": "a", "param.g": 1, "metric.x": 1}, {"id": "b", "metric.y": 2, "param.seed": 1}])

    assert found == ["id", "param.g", "param.seed", "metric.x", "metric.y"]


def test_a_run_that_was_submitted_and_not_asked_about_says_so(one):
    assert rows.row(one)["status"] == "PREPARED"
    assert rows.row(one.model_copy(update={"job": one.job.model_copy(update={"url": "https://site/1"})}))["status"] == "SUBMITTED"
