"""Each fault at the endpoint's edges, as the unmodified client meets it."""

import io
import time

import httpx
import pytest

from esd_localsite.faults.board import Fault, FaultBoard, FaultKind

pytestmark = pytest.mark.integration

UPLOAD = b"x" * 300_000


@pytest.fixture
def board(endpoint):
    board = FaultBoard(endpoint.folder / "state" / "faults.json")
    yield board
    for fault in board.all():
        board.switch_off(fault.kind)


@pytest.fixture
def directory(client, finish):
    """An empty job's working directory."""
    return finish(client.new_job({})).working_dir


def test_pyunicore_survives_an_expired_session_that_it_is_told_of_once(endpoint, board):
    client = endpoint.client()
    assert client.transport.last_session_id
    board.switch_on(Fault(kind=FaultKind.EXPIRED_SESSIONS, times=1))
    client.cache_time = 0
    assert client.access_info()["role"]["selected"] == "user"
    assert board.all() == ()


def test_a_session_is_refused_with_432_and_nothing_else(endpoint, board):
    board.switch_on(Fault(kind=FaultKind.EXPIRED_SESSIONS))
    answer = httpx.get(endpoint.url, headers={"X-UNICORE-SecuritySession": "any"}, verify=endpoint.verify)
    assert (answer.status_code, answer.content) == (432, b"")


def test_a_token_that_was_good_is_refused(endpoint, client, board):
    headers = {"Authorization": f"Bearer {client.issue_auth_token()}"}
    assert httpx.get(endpoint.url, headers=headers, verify=endpoint.verify).status_code == 200
    board.switch_on(Fault(kind=FaultKind.EXPIRED_TOKENS, times=1))
    answers = [httpx.get(endpoint.url, headers=headers, verify=endpoint.verify) for _ in range(2)]
    assert [(answer.status_code, answer.content != b"") for answer in answers] == [(403, False), (200, True)]


def test_submission_is_refused_as_often_as_was_asked(client, board):
    board.switch_on(Fault(kind=FaultKind.SUBMIT_503, times=2))
    for _ in range(2):
        with pytest.raises(httpx.HTTPError, match=r"503 Server Error: Job submission is disabled"):
            client.new_job({})
    client.new_job({})


def test_a_download_breaks_off_in_the_middle(directory, board):
    directory.put(UPLOAD, "file")
    board.switch_on(Fault(kind=FaultKind.CUT_BODY, times=1))
    got = io.BytesIO()
    with pytest.raises(httpx.RemoteProtocolError):
        directory.stat("file").download(got)
    assert 0 < len(got.getvalue()) < len(UPLOAD)
    assert directory.stat("file").read() == UPLOAD


def test_an_upload_that_breaks_off_leaves_nothing(directory, board):
    board.switch_on(Fault(kind=FaultKind.CUT_BODY, times=1))
    with pytest.raises(httpx.HTTPError):
        directory.put(UPLOAD, "file")
    assert "file" not in {name.strip("/") for name in directory.listdir()}
    directory.put(UPLOAD, "file")


def test_answers_come_later(endpoint, board):
    board.switch_on(Fault(kind=FaultKind.SLOW, times=1, seconds=0.5))
    start = time.monotonic()
    httpx.get(endpoint.url, verify=endpoint.verify)
    assert time.monotonic() - start >= 0.5


def test_a_quota_stops_uploads_and_imports(client, directory, board, finish):
    board.switch_on(Fault(kind=FaultKind.DISK_QUOTA, times=2))
    with pytest.raises(httpx.HTTPError, match="Disk quota exceeded"):
        directory.put(b"text", "file")
    job = finish(client.new_job({"Executable": "true", "Imports": [{"From": "inline://text", "To": "a", "Data": "b"}]}))
    assert job.properties["status"] == "FAILED"
    assert "Disk quota exceeded" in job.properties["statusMessage"]


def test_sbatch_that_fails_is_tried_again(client, board, finish):
    board.switch_on(Fault(kind=FaultKind.SBATCH_FAILS, times=1))
    job = finish(client.new_job({"Executable": "true"}))
    assert job.properties["status"] == "SUCCESSFUL"
    assert any("Submission 1 of 2 failed" in line for line in job.properties["log"])


def test_sbatch_that_goes_on_failing_fails_the_job(client, board, finish):
    board.switch_on(Fault(kind=FaultKind.SBATCH_FAILS))
    job = finish(client.new_job({"Executable": "true"}))
    assert job.properties["statusMessage"].startswith("Could not submit job: sbatch: error")


def test_a_job_that_the_queue_lost_fails_without_an_exit_code(client, board, wait, finish):
    job = wait(client.new_job({"Executable": "sleep 60"}), "RUNNING")
    board.switch_on(Fault(kind=FaultKind.JOB_LOST, times=1))
    finish(job)
    assert job.properties["statusMessage"].startswith("Failed: Job did not complete normally on BSS")
    assert "exitCode" not in job.properties


def test_a_precommand_moves_silently_into_the_batch_job(client, board, finish, read):
    description = {"Executable": "cat here", "User precommand": "bash -c 'echo ${ON_LOGIN_NODE:-no} > here'"}
    assert read(finish(client.new_job(dict(description))), "stdout") == "yes\n"
    board.switch_on(Fault(kind=FaultKind.PRECOMMAND_IN_BATCH, times=1))
    assert read(finish(client.new_job(dict(description))), "stdout") == "no\n"


def test_the_registry_service_is_not_there(endpoint, board):
    board.switch_on(Fault(kind=FaultKind.UNICORE_REGISTRY_503))
    url = endpoint.url.replace("/rest/core", "/rest/registries/default_registry")
    assert httpx.get(url, verify=endpoint.verify).status_code == 503
