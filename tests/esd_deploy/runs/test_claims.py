"""A run that the site gave up, while its batch system has it all the same."""

import pytest
from tests.esd_deploy.conftest import JOB, FakeConnection, prepared

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import JobState
from esd_deploy.runs import run
from esd_deploy.runs.claims import CLAIM, ENDED, OTHER_WORKS, OVER, Claims, is_doubtful

GIVEN_UP = JobState("FAILED", "Could not submit job: sbatch: error: Batch job submission failed: Socket timed out")
GAVE_WAY = JobState("FAILED", "User application exited with non-zero exit code: 75", OTHER_WORKS, batch_id="13")


class Queue:
    """The batch system: the numbers of the run's jobs, one answer after the other; an error is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, action):
        self.asked.append(action)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def site(state, **notes):
    connection = FakeConnection(states=[state], jobs=[{"Tags": []}], begun={JOB})
    connection.uploaded |= {{"claim": CLAIM, "ended": ENDED}[name]: text.encode() for name, text in notes.items()}
    return connection


def test_a_job_that_the_site_could_not_submit_is_followed_where_the_batch_system_has_it():
    connection, clock = site(GIVEN_UP), Clock()
    claims = Claims(connection, Queue(["11", "13", "12"]), clock)

    assert (claims.state(JOB).status, claims.state(JOB).batch_id) == ("RUNNING", "13")
    assert OVER not in connection.uploaded
    connection.uploaded |= {CLAIM: b"12\n"}
    assert claims.state(JOB).batch_id == "12"
    connection.uploaded |= {ENDED: b"12 0 0\n"}
    ended = claims.state(JOB)
    assert (ended.status, ended.exit_code, ended.batch_id) == ("SUCCESSFUL", 0, "12")


def test_where_no_job_is_found_the_run_is_over_and_a_late_job_is_told():
    connection = site(GIVEN_UP)

    assert Claims(connection, Queue([])).state(JOB) == GIVEN_UP
    assert OVER in connection.uploaded


def test_a_job_that_began_just_before_the_run_was_declared_over_counts():
    connection = site(GIVEN_UP)

    def look(_action):
        connection.uploaded |= {CLAIM: b"11\n", ENDED: b"11 0 3\n"}
        return []

    assert Claims(connection, look).state(JOB).exit_code == 3


def test_a_batch_system_that_does_not_answer_is_asked_again_for_ten_minutes():
    connection, clock = site(GIVEN_UP), Clock()
    claims = Claims(connection, Queue(ToolError("squeue: Socket timed out")), clock)

    assert [claims.state(JOB).status, OVER in connection.uploaded] == ["RUNNING", False]
    clock.now = 601
    assert [claims.state(JOB).status, OVER in connection.uploaded] == ["FAILED", True]


def test_a_batch_system_that_does_not_answer_is_asked_twice_a_minute():
    """Each question is a job at the site."""
    clock, look = Clock(), Queue(ToolError("squeue: Socket timed out"))
    claims = Claims(site(GIVEN_UP), look, clock)
    for _ in range(120):
        assert claims.state(JOB).status == "RUNNING"
        clock.now += 0.5

    assert len(look.asked) == 2


NO_ROOM = ToolError("the job ended before it received its files: FAILED, MAKE_FOLDER: No space left on device")


def test_where_the_disk_is_full_a_run_whose_job_began_and_was_seen_to_end_is_over():
    lost = JobState("FAILED", "Job did not complete normally on BSS.")

    told = Claims(site(lost, claim="11\n"), Queue(NO_ROOM)).state(JOB)
    assert (told.status, told.message) == ("FAILED", f"{lost.message} A disk at the site is full: {NO_ROOM}")
    assert Claims(site(lost), Queue(NO_ROOM)).state(JOB).status == "RUNNING"


@pytest.mark.parametrize(("ended", "status", "code"), [("11 0 0", "SUCCESSFUL", 0), ("11 1 7", "FAILED", 7)])
def test_the_exit_code_is_that_of_the_job_that_worked(ended, status, code):
    found = Claims(site(GAVE_WAY, claim="11", ended=ended), Queue([])).state(JOB)

    assert (found.status, found.exit_code, found.batch_id) == (status, code, "11")


def test_a_job_that_works_and_is_gone_without_a_word_ends_the_run():
    found = Claims(site(GAVE_WAY, claim="11"), Queue(["11"], [])).state(JOB)
    assert found.status == "RUNNING"

    found = Claims(site(GAVE_WAY, claim="11"), Queue([])).state(JOB)
    assert (found.status, found.batch_id) == ("FAILED", "11")


@pytest.mark.parametrize(
    ("state", "doubtful"),
    [
        (GIVEN_UP, True),
        (GAVE_WAY, True),
        (JobState("FAILED", "Job did not complete normally on BSS"), True),
        (JobState("FAILED", "", None, ("Could not submit job: …",)), True),
        (JobState("FAILED", "User application exited with non-zero exit code: 7", 7), False),
        (JobState("FAILED", "Pre-command(s) failed"), False),
        (JobState("FAILED", "Job aborted."), False),
        (JobState("SUCCESSFUL", exit_code=0), False),
        (JobState("RUNNING"), False),
    ],
)
def test_only_a_failure_that_may_be_the_servers_view_is_doubted(state, doubtful):
    queue = Queue([])
    assert is_doubtful(state) is doubtful
    Claims(site(state), queue).state(JOB)
    assert bool(queue.asked) is doubtful


def test_a_cancelled_run_is_cancelled_where_the_server_knows_nothing_of_it():
    queue = Queue([])

    Claims(site(GIVEN_UP), queue).cancel(JOB)
    Claims(site(JobState("FAILED", "Job aborted.")), queue).cancel(JOB)

    assert queue.asked == ["cancel"]


@pytest.mark.parametrize(
    ("names", "login_node", "asked"), [(("esdrun1", "esd-1"), True, True), ((), True, False), (("esdrun1",), False, False)]
)
def test_a_run_asks_for_its_batch_jobs_where_the_site_can_tell(planned, tmp_path, monkeypatch, names, login_node, asked):
    connection, questions = site(GIVEN_UP), []
    connection.batch_names = lambda _description, _job: names
    monkeypatch.setattr(run, "look_at", lambda _connection, _site, given, _sleep: lambda action: questions.append((given, action)) or ["7"])
    folder = tmp_path / "run-1"
    known = prepared(planned, folder).with_job(JOB)
    at = planned.site.model_copy(update={"login_node": login_node})

    found = run.Run(known, folder, connection, poll_s=10, sleep=lambda _s: None, site=at).refresh()

    assert questions == ([(names, "look")] if asked else [])
    assert found.status == ("RUNNING" if asked else "FAILED")
