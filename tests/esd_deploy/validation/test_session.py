"""The one job, with a site in memory: it ends whatever the site does."""

from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import JOB, FakeConnection

from esd_deploy.backends.connection import JobState
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.display.progress import Silent
from esd_deploy.runs.patience import Deadline, PastDeadlineError
from esd_deploy.validation.plan import ValidationPlan
from esd_deploy.validation.session import Session
from esd_deploy.validation.suite import all_steps, chosen


@pytest.fixture
def planned(good):
    steps = chosen(all_steps(good.site, 2), ("pull", "plugins", "node"))
    return ValidationPlan("id-1", good.site.model_copy(update={"poll_s": 0.001}), good.image, 2, steps, 60)


def session(planned, tmp_path, connection, queue_s=600):
    return Session(planned, unicore_job.job(planned.job), tmp_path, connection, Silent(), queue_s)


def test_the_outputs_of_a_job_come_home(planned, tmp_path):
    results = {"esd/steps/plugins/end": b"0 0.012\n", "esd/steps/plugins/stdout": b"pmix\n", "esd/steps/node/stdout": b"c1\thost\tc1\n"}

    job, end, outputs = session(planned, tmp_path, FakeConnection(results=results)).run()

    assert job == JOB
    assert (end.started, end.finished) == (True, True)
    assert {output.step: (output.code, output.stdout) for output in outputs} == {"plugins": (0, "pmix\n"), "node": (None, "c1\thost\tc1\n")}


def test_a_job_that_stays_in_the_queue_is_given_up_and_ended(planned, tmp_path):
    connection = FakeConnection(
        states=[JobState("QUEUED")], results={"esd/steps/pull/end": b"0 1.0\n"}, batch={"Reason": "ReqNodeNotAvail"}
    )

    _, end, outputs = session(planned, tmp_path, connection, queue_s=-1).run()

    assert (end.started, end.finished, end.message, end.queued_s) == (False, False, "ReqNodeNotAvail", -1)
    assert connection.aborted == 1
    assert [output.step for output in outputs] == ["pull"]


def test_a_job_that_failed_says_why(planned, tmp_path):
    connection = FakeConnection(
        states=[JobState("RUNNING"), JobState("FAILED", "exit code missing")], results={"stderr": b"CANCELLED DUE TO TIME LIMIT ***\n"}
    )

    _, end, _ = session(planned, tmp_path, connection).run()

    assert (end.finished, end.out_of_time, end.time_limit_s, end.message) == (False, True, 60, "exit code missing")


def test_what_the_job_itself_says_of_its_failure_goes_before_the_servers_word(planned, tmp_path):
    results = {"esd/failure.txt": b"on login: the project could not be activated\n"}
    connection = FakeConnection(states=[JobState("FAILED", "precommand failed")], results=results)

    assert session(planned, tmp_path, connection).run()[1].why == "on login: the project could not be activated"


def test_a_job_that_calls_sbatch_runs_while_its_batch_job_waits(planned):
    by_sbatch = replace(planned, site=planned.site.model_copy(update={"submit": "sbatch"}))

    assert (planned.runs_s(600), by_sbatch.runs_s(600)) == (60, 660)


def test_who_leaves_ends_the_job_at_the_site(planned, tmp_path, monkeypatch):
    def leave(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("esd_deploy.validation.session.Deadline.wait", lambda self, seconds: leave(seconds))
    connection = FakeConnection()

    with pytest.raises(KeyboardInterrupt):
        session(planned, tmp_path, connection).run()

    assert connection.aborted == 1


def test_patience_ends_at_its_deadline():
    now = [0.0]
    deadline = Deadline(10, sleep=lambda seconds: now.__setitem__(0, now[0] + seconds), clock=lambda: now[0])
    for _ in range(3):
        deadline.wait(4)
    with pytest.raises(PastDeadlineError):
        deadline.wait(4)
