"""How jobs end at a real UNICORE site: at their creation, two minutes late, and with details that are forgotten soon."""

import pytest
from tests.esd_deploy.conftest import FakeConnection
from tests.esd_deploy.runs.test_run import live

from esd_deploy.backends.connection import FAILED, RUNNING, ConnectionLostError, EndedError, JobState
from esd_deploy.display.progress import Silent

LATE = {"JobState": "TIMEOUT", "Reason": "TimeLimit"}


class Told(Silent):
    """What a user is shown."""

    def __init__(self):
        self.lines = []

    def step(self, text):
        self.lines.append(text)


class Forgetful(FakeConnection):
    """Knows the details until the results are asked for, as a batch system forgets a job."""

    def files(self, job):
        self.batch = {}
        return super().files(job)


class NoFolder(FakeConnection):
    """A site that cannot make the job's folder."""

    def upload(self, job, path, content):
        raise EndedError(self.states[0])

    def state(self, job):
        return self.states[0]

    def files(self, job):
        return []


def test_a_job_that_cannot_be_made_is_told_by_the_sites_words(planned, tmp_path):
    connection = NoFolder(
        states=[JobState(FAILED, "Could not create job working directory: mkdir: Permission denied", log=("Giving up.",))]
    )
    run = live(planned, tmp_path, connection)
    run._display = told = Told()

    run.submit()
    ended = run.wait()

    assert (ended.status, ended.message) == (FAILED, "Could not create job working directory: mkdir: Permission denied")
    assert any("could not start the job: Could not create job working directory" in line for line in told.lines)
    assert (connection.started, ended.log) == (0, ("Giving up.",))


def test_a_lost_upload_to_a_job_that_has_ended_is_not_tried_again(planned, tmp_path):
    class Loses(FakeConnection):
        def upload(self, job, path, content):
            self.begun.add(job)
            raise ConnectionLostError("500")

    run = live(planned, tmp_path, Loses(states=[JobState(FAILED, "Job aborted.")]))
    run.submit()

    assert run.record.status == FAILED


def test_what_the_batch_system_says_is_asked_before_the_results(planned, tmp_path):
    run = live(planned, tmp_path, Forgetful(states=[JobState(FAILED, "no exit code")], batch=dict(LATE)))
    run.submit()

    ended = run.wait()

    assert (ended.job.details, ended.ending.kind) == (LATE, "time limit")


@pytest.mark.parametrize("word", ["TIMEOUT", "OUT_OF_MEMORY", "CANCELLED"])
def test_an_end_that_the_server_does_not_believe_yet_is_announced_once(planned, tmp_path, word):
    states = [JobState(RUNNING)] * 120 + [JobState(FAILED, "Job did not complete normally on BSS")]
    connection = FakeConnection(states=states, batch={"JobState": word})
    run = live(planned, tmp_path, connection)
    run._display = told = Told()
    run.submit()

    run.wait()

    announced = [line for line in told.lines if "UNICORE waits two minutes" in line]
    assert len(announced) == 1
    assert f"the batch system has ended the job ({word})" in announced[0]


def test_a_job_that_runs_on_is_asked_about_seldom(planned, tmp_path):
    class Counting(FakeConnection):
        asked = 0

        def details(self, job):
            self.asked += 1
            return {"JobState": "RUNNING"}

    connection = Counting(states=[JobState(RUNNING)] * 400 + [JobState("SUCCESSFUL", exit_code=0)])
    run = live(planned, tmp_path, connection)
    run.submit()

    run.wait()

    assert 10 < connection.asked < 80


def test_a_start_that_a_dying_server_forgot_is_given_again(planned, tmp_path):
    class Forgets(FakeConnection):
        def start(self, job):
            super().start(job)
            if self.started == 1:
                self.begun.clear()

    connection = Forgets()
    run = live(planned, tmp_path, connection)
    run._display = told = Told()

    run.submit()

    assert run.wait().status == "SUCCESSFUL"
    assert connection.started == 2
    assert any("starting it again" in line for line in told.lines)


def test_a_job_whose_files_another_client_still_sends_is_not_started(planned, tmp_path):
    connection = FakeConnection()
    run = live(planned, tmp_path, connection)
    run.submit()
    connection.begun.clear()
    other = live(planned, tmp_path, connection)
    other.record = run.record.model_copy(update={"status": "READY"})

    other._look_behind()

    assert connection.started == 1
