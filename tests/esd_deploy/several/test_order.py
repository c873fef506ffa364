"""Runs that begin when others have ended well."""

from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import FakeBackend, prepared
from tests.esd_deploy.runs.test_taking_up import ENDPOINT

from esd_build.data.errors import UsageError
from esd_deploy import Site
from esd_deploy.backends.connection import JobState
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.display.progress import Silent
from esd_deploy.plans import run_job
from esd_deploy.records import record
from esd_deploy.records.ending import ending
from esd_deploy.runs.run import Run
from esd_deploy.several.order import PredecessorError, in_order, predecessors

DONE, BAD, RUNNING = JobState("SUCCESSFUL", exit_code=0), JobState("FAILED", exit_code=3), JobState("RUNNING")


class Said(Silent):
    """A display that keeps what it is told."""

    def __init__(self):
        self.steps = []

    def step(self, text):
        self.steps.append(text)


@pytest.fixture
def place(config, image, connection):
    quick = config.model_copy(update={"poll_s": 0.001})
    return Site(quick, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)


@pytest.fixture
def first(planned, tmp_path, connection, monkeypatch):
    """The run that is to come first, submitted. Nothing here takes the time that its follower would wait."""
    monkeypatch.setattr("esd_deploy.runs.following.pause", lambda _waited, _poll: 0)
    known = prepared(planned, tmp_path / "runs" / "run-1")
    run = Run(known, tmp_path / "runs" / "run-1", connection, poll_s=0.001)
    run.submit()
    return run


def follower(planned, submit="unicore"):
    site = planned.site.model_copy(update={"submit": submit})
    return replace(planned, run_id="run-2", site=site, after=("run-1",))


def test_ids_are_found_as_everywhere_and_one_that_failed_is_told_before_anything_else(first, connection, tmp_path):
    assert predecessors(tmp_path / "runs", ["last", "run-1"]) == ("run-1",)
    connection.states = [BAD]
    first.wait()

    with pytest.raises(PredecessorError, match=r"run-1.* did not end well \(failed\); nothing was submitted"):
        predecessors(tmp_path / "runs", ["last"])
    with pytest.raises(UsageError, match="no run 'run-7'"):
        predecessors(tmp_path / "runs", ["run-7"])


def test_the_command_waits_where_unicore_submits(place, planned, first, tmp_path, connection):
    said = Said()

    plan = in_order(place, follower(planned), tmp_path / "runs", said)

    assert plan.dependencies == ()
    assert "waiting for the end of run run-1; nothing is submitted before that" in " ".join(said.steps)
    assert record.load(tmp_path / "runs", "run-1").ending.kind == "succeeded"


def test_one_that_fails_while_it_is_waited_for_keeps_the_next_from_being_submitted(place, planned, first, tmp_path, connection):
    connection.states = [RUNNING, BAD]

    with pytest.raises(PredecessorError, match="nothing was submitted"):
        in_order(place, follower(planned), tmp_path / "runs", Silent())


def test_slurm_waits_where_the_job_itself_calls_sbatch(place, planned, first, tmp_path, connection, monkeypatch):
    connection.states = [RUNNING]
    monkeypatch.setattr(Run, "batch_jobs", lambda _self: ["41", "42"])

    plan = in_order(place, follower(planned, "sbatch"), tmp_path / "runs", Silent())

    assert plan.dependencies == ("42",)
    text = unicore_job.files(run_job.spec(plan))[unicore_job.BATCH_FILE].decode()
    assert "#SBATCH --dependency=afterok:42\n#SBATCH --kill-on-invalid-dep=yes\n" in text
    assert prepared(plan, tmp_path / "runs" / "run-2").after == ("run-1",)


def test_the_command_waits_where_slurm_does_not_have_the_other_job_yet(place, planned, first, tmp_path, monkeypatch):
    monkeypatch.setattr(Run, "batch_jobs", lambda _self: [])

    assert in_order(place, follower(planned, "sbatch"), tmp_path / "runs", Silent()).dependencies == ()


def test_a_job_without_dependencies_says_nothing_of_them(planned):
    assert "dependency" not in unicore_job.files(run_job.spec(follower(planned, "sbatch")))[unicore_job.BATCH_FILE].decode()


def test_a_job_that_slurm_ended_for_its_predecessor_says_so():
    told = ending(JobState("FAILED", exit_code=1), {"JobState": "CANCELLED", "Reason": "DependencyNeverSatisfied"})
    assert told.kind == "predecessor failed"
