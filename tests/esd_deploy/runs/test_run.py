import json

import pytest
from filelock import FileLock
from tests.esd_deploy.conftest import JOB, FakeConnection, prepared

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.backends.connection import ConnectionLostError, JobState, RefusedError
from esd_deploy.backends.unicore.job import files
from esd_deploy.inputs.content import whole
from esd_deploy.plans.job import TRAVELLING, JobDescription
from esd_deploy.plans.run_job import spec
from esd_deploy.records import record
from esd_deploy.records.record import RunRecord
from esd_deploy.runs.following import pause
from esd_deploy.runs.run import LOCK, Run

FAILED = [JobState("RUNNING"), JobState("FAILED", "non-zero exit code", exit_code=7, log=("the site's log",))]


def live(planned, folder, connection, known=None):
    return Run(known or prepared(planned, folder), folder, connection, poll_s=10, sleep=lambda _s: None)


def finish(planned, folder, connection):
    run = live(planned, folder, connection)
    run.submit()
    run.wait()
    return run


def test_a_run_ends_with_its_record_and_results(planned, tmp_path, connection):
    connection.results = {"metrics.json": b'{"neurons": 10}', "esd/wireup.json": b'{"size": 2, "hosts": ["c1", "c2"]}'}

    ended = finish(planned, tmp_path / "r", connection).record

    assert ended.succeeded
    assert [state.status for state in ended.states] == ["PREPARED", "QUEUED", "RUNNING", "SUCCESSFUL"]
    assert (ended.job.url, ended.exit_code, ended.ranks, ended.metrics) == (JOB, 0, 2, {"neurons": 10})
    assert [file.path for file in ended.files] == ["esd/wireup.json", "metrics.json"]


def test_the_record_has_the_keys_that_others_rely_on(planned, tmp_path, connection):
    finish(planned, tmp_path, connection)
    found = json.loads((tmp_path / "run.json").read_text())

    assert (found["image"]["digest"], found["script"]["name"], found["site"], found["mode"]) == (
        planned.image.reference.digest,
        "net.py",
        "valid",
        "container",
    )
    keys = {"id", "states", "status", "exit_code", "hosts", "ranks", "threads_per_rank", "versions", "metrics", "files"}
    assert keys <= found.keys()
    assert {"url", "description"} <= found["job"].keys()
    assert found["script"]["sha256"] == planned.script_sha256


def test_the_record_is_written_before_the_job_exists(planned, tmp_path):
    prepared(planned, tmp_path / "run-1")

    assert record.load(tmp_path, "run-1").status == "PREPARED"


def test_a_record_survives_being_written_and_read(planned, tmp_path, connection):
    run = finish(planned, tmp_path / "run-1", connection)

    assert record.load(tmp_path, "run-1") == run.record
    assert [path.name for path in (tmp_path / "run-1").glob(".*.part")] == []


def test_a_lost_answer_to_the_submission_makes_no_second_job(planned, tmp_path, connection):
    connection.lose = ["create"]

    ended = finish(planned, tmp_path, connection).record

    assert (len(connection.jobs), ended.job.url, ended.succeeded) == (1, JOB, True)


@pytest.mark.parametrize("call", ["find", "upload", "start", "state"])
def test_a_lost_connection_is_survived(planned, tmp_path, connection, call):
    connection.lose = [call, call]

    assert finish(planned, tmp_path, connection).record.succeeded
    assert len(connection.jobs) == 1


def test_a_site_that_stays_silent_is_given_up(planned, tmp_path, connection):
    connection.lose = ["find"] * 1000
    run = live(planned, tmp_path, connection)
    run._retry = lambda _s=0: Run._retry(run, 0)

    with pytest.raises(ToolError, match="no answer"):
        run.submit()


def test_a_client_that_died_while_submitting_is_taken_over(planned, tmp_path, connection):
    known = prepared(planned, tmp_path)
    connection.create(known.job.description)  # the answer never reached the record

    run = live(planned, tmp_path, connection, known)
    run.resume()
    run.wait()

    assert (len(connection.jobs), connection.started, run.record.succeeded) == (1, 1, True)
    assert {**connection.uploaded, TRAVELLING: b""} == {**files(spec(planned)), TRAVELLING: b""}


def test_a_client_that_died_while_uploading_is_taken_over(planned, tmp_path):
    connection = FakeConnection(states=[JobState("READY")])
    known = prepared(planned, tmp_path).with_job(connection.create(JobDescription(Tags=["run-1"])))

    live(planned, tmp_path, connection, known).resume()

    assert (len(connection.jobs), connection.started, connection.uploaded.keys()) == (1, 1, {*files(spec(planned)), TRAVELLING})


def test_what_a_broken_upload_left_half_is_sent_whole_before_the_job_starts(planned, tmp_path, connection):
    sent = []

    def upload(_job, path, content):
        sent.append(path)
        connection.uploaded[path] = whole(content)[: len(whole(content)) // 2 if sent.count(path) == 1 else None]
        if sent.count(path) == 1:
            raise ConnectionLostError("broken")
        assert connection.started == 0

    connection.upload = upload
    run = live(planned, tmp_path, connection)

    run.submit()

    assert connection.uploaded["net.py"] == planned.script
    assert (connection.started, {sent.count(path) for path in sent}) == (1, {2})


def test_a_job_that_has_begun_is_not_started_again(planned, tmp_path, connection):
    run = live(planned, tmp_path, connection)
    run.submit()

    run.resume()

    assert connection.started == 1


def test_a_failed_job_keeps_its_exit_code_log_and_results(planned, tmp_path):
    connection = FakeConnection(states=list(FAILED), results={"stderr": b"Traceback"})

    ended = finish(planned, tmp_path, connection).record

    assert (ended.succeeded, ended.status, ended.exit_code, ended.log) == (False, "FAILED", 7, ("the site's log",))
    assert (tmp_path / "stderr").read_text() == "Traceback"


def test_a_success_without_an_exit_code_is_no_success(planned):
    assert not RunRecord.of(planned, {}).with_state(JobState("SUCCESSFUL")).succeeded


def test_a_state_that_comes_again_keeps_its_time(planned):
    known = RunRecord.of(planned, {}).with_state(JobState("QUEUED"))

    assert known.with_state(JobState("QUEUED", "still")).states == known.states


def test_cancelling_ends_the_job(planned, tmp_path, connection):
    run = live(planned, tmp_path, connection)
    run.submit()

    assert (run.cancel().status, connection.aborted) == ("FAILED", 1)


def test_a_run_without_a_job_says_how_to_go_on(planned, tmp_path, connection):
    with pytest.raises(UsageError, match="esd-deploy attach run-1"):
        live(planned, tmp_path, connection).fetch()


def test_an_unknown_run_offers_the_nearest(planned, tmp_path):
    prepared(planned, tmp_path / "run-1")

    with pytest.raises(UsageError, match=r"no run 'run-2'.*did you mean 'run-1'"):
        record.load(tmp_path, "run-2")


def test_a_request_that_the_site_works_off_late_leaves_one_job(planned, tmp_path, connection):
    run = live(planned, tmp_path, connection)
    run.submit()
    connection.create(run.record.job.description)  # the one that was thought lost

    run.wait()

    assert (connection.deleted, run.record.succeeded) == ([f"{JOB}-1"], True)
    assert connection.find(run.id) == [JOB]


def test_two_clients_do_not_submit_one_run_at_once(planned, tmp_path, connection):
    run = live(planned, tmp_path, connection)

    with FileLock(tmp_path / LOCK), pytest.raises(UsageError, match="another esd-deploy is submitting"):
        run.submit()

    assert connection.jobs == []


def test_a_client_sees_how_far_another_one_came(planned, tmp_path, connection):
    first, second = live(planned, tmp_path / "run-1", connection), None
    second = live(planned, tmp_path / "run-1", connection, record.load(tmp_path, "run-1"))
    first.submit()

    second.submit()

    assert len(connection.jobs) == 1


def test_the_ending_and_what_the_batch_system_said_are_kept(planned, tmp_path):
    connection = FakeConnection(states=[JobState("FAILED", "Job failed")], batch={"JobState": "TIMEOUT"})

    ended = finish(planned, tmp_path, connection).record

    assert (ended.ending.kind, ended.job.details) == ("time limit", {"JobState": "TIMEOUT"})


def test_the_record_travels_with_the_job(planned, tmp_path, connection):
    live(planned, tmp_path, connection).submit()

    assert RunRecord.model_validate_json(connection.uploaded[TRAVELLING]).id == "run-1"


def test_a_short_job_is_asked_about_often_and_a_long_one_seldom():
    assert [pause(waited, 15) for waited in (0, 20, 100, 10_000)] == [0.5, 1.0, 5.0, 15]


def test_a_token_that_is_refused_for_a_moment_ends_no_wait(planned, tmp_path, connection):
    run = live(planned, tmp_path, connection)
    run.submit()
    connection.lose, connection.refuse = ["state", "state"], True

    assert run.wait().succeeded


def test_a_token_that_is_refused_from_the_start_is_not_tried_again(planned, tmp_path, connection):
    connection.lose, connection.refuse = ["find"], True

    with pytest.raises(RefusedError):
        live(planned, tmp_path, connection).submit()
