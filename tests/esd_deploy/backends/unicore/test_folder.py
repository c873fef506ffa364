"""A job's folder at a UNICORE server: made a moment after the job, or never; and the details that a batch system forgets. In memory."""

import json
from contextlib import suppress

import httpx
import pytest
from pyunicore.client import Client

from esd_deploy.backends.connection import ConnectionLostError, EndedError, RemoteFile
from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.backends.unicore.http import PooledTransport
from esd_deploy.inputs.content import OnDisk
from esd_deploy.runs import submission
from esd_deploy.runs.patience import patiently
from esd_deploy.sites.endpoint import Credentials, Endpoint

CORE = "https://folder.example.org/X/rest/core"
JOB, FOLDER = f"{CORE}/jobs/1", f"{CORE}/storages/1-uspace"
DETAILS = {"JobId": "7", "JobState": "TIMEOUT"}


class Server:
    """One job with its folder; `making`: how often the folder is INITIALIZING."""

    def __init__(self):
        self.making, self.job, self.storage = 0, {"status": "READY"}, {"mountPoint": "/jobs/1/"}
        self.files, self.details, self.asked = {}, (200, DETAILS), []
        self.forget, self.lengths, self.busy = 0, [], 0

    def __call__(self, request):
        url = str(request.url)
        self.asked.append((request.method, url.removeprefix(CORE)))
        if url == JOB:
            links = {"workingDirectory": {"href": FOLDER}, "details": {"href": f"{JOB}/details"}}
            return httpx.Response(200, json={"log": [], **self.job, "_links": links})
        if url == f"{JOB}/details":
            return httpx.Response(self.details[0], json=self.details[1])
        if url == FOLDER:
            self.making -= 1
            return httpx.Response(200, json={**self.storage, "resourceStatus": "INITIALIZING" if self.making >= 0 else "READY"})
        return self._file(request, request.url.path.partition("-uspace/files/")[2])

    def _file(self, request, path):
        if request.method == "PUT":
            content = request.read()
            self.lengths.append(request.headers.get("content-length"))
            if self.forget:
                self.forget -= 1
                self.files[path] = content[:100]  # a half file, as a server may leave one
                return httpx.Response(432)
            self.files[path] = content
            return httpx.Response(204 if self.storage["mountPoint"] else 500)
        if not path:
            self.busy -= 1
            if self.busy >= 0:
                return httpx.Response(500, json={"errorMessage": "The TSI does not answer"})
            content = {f"/{name}": {"isDirectory": False, "size": len(text)} for name, text in self.files.items()}
            return httpx.Response(200, json={"content": content})
        return httpx.Response(200, content=self.files[path]) if path in self.files else httpx.Response(404)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def connection(server, pauses):
    endpoint = Endpoint(CORE, "r", None, Credentials("geheim", "me"), "start it")
    transport = PooledTransport(endpoint)
    transport._http = httpx.Client(transport=httpx.MockTransport(server))
    return UnicoreConnection(endpoint, Client(transport, CORE, check_authentication=False), transport, sleep=pauses.append)


def test_a_folder_that_is_being_made_is_waited_for_in_short_steps(connection, server, pauses):
    server.making = 3

    connection.upload(JOB, "a.txt", b"content")

    assert server.files == {"a.txt": b"content"}
    assert sum(pauses) < 0.5


def test_a_file_is_sent_whole_again_where_the_session_was_forgotten(connection, server, tmp_path):
    (tmp_path / "big").write_bytes(bytes(range(256)) * 1000)
    told, lengths = [], []
    server.forget = 1
    server.lengths = lengths

    connection.upload(JOB, "big", OnDisk(tmp_path / "big", 256_000, tell=told.append))

    assert server.files == {"big": bytes(range(256)) * 1000}
    assert lengths == ["256000"] * 2  # so the server knows when it has all of it
    assert sum(told) == 2 * 256_000
    assert max(told) < 256_000


def test_a_folder_that_never_comes_is_no_endless_wait(connection, server, pauses):
    server.making = 10**6

    with pytest.raises(ConnectionLostError, match="not there 120 s after"):
        connection.upload(JOB, "a.txt", b"")

    assert 120 <= sum(pauses) < 122


def test_a_job_that_failed_at_its_creation_gets_no_files(connection, server):
    server.job = {"status": "FAILED", "statusMessage": "mkdir: Permission denied"}
    server.storage = {"mountPoint": None}
    retry = patiently(lambda _seconds: None)

    with pytest.raises(EndedError) as raised:
        submission.stage(connection, JOB, {"a.txt": b""}, retry)

    assert raised.value.state.message == "mkdir: Permission denied"
    assert [method for method, _ in server.asked] == ["GET"]
    assert connection.files(JOB) == ()


def test_a_job_that_ends_while_its_files_come_is_not_waited_for(connection, server):
    connection.upload(JOB, "a.txt", b"")
    server.job, server.storage = {"status": "FAILED", "statusMessage": "Job aborted."}, {"mountPoint": None}

    with pytest.raises(EndedError):
        submission.stage(connection, JOB, {"b.txt": b""}, patiently(lambda _seconds: None))


def test_a_list_that_fails_under_load_is_asked_for_again(connection, server):
    server.files, server.busy = {"a.txt": b"abc"}, 2

    assert connection.files(JOB) == (RemoteFile("a.txt", 3),)


def test_a_folder_of_a_job_that_is_never_listed_is_no_empty_result(connection, server):
    server.busy = 99

    with pytest.raises(ConnectionLostError, match="The TSI does not answer"):
        connection.files(JOB)


def test_details_that_the_server_cannot_get_any_more_are_asked_once(connection, server):
    server.details = (500, {"errorMessage": "Could not get job details"})

    assert connection.details(JOB) == {}
    assert sum(url.endswith("/details") for _, url in server.asked) == 1


def test_details_that_the_server_noted_are_found_in_the_log(connection, server):
    server.details = (500, {"errorMessage": "Could not get job details"})
    server.job = {"status": "FAILED", "log": ["Mon: begun", f"Tue: Detailed job information from batch system: {json.dumps(DETAILS)}", "x"]}

    assert connection.details(JOB) == DETAILS


def test_a_login_node_job_has_no_details(connection, server):
    server.details = (200, {"rawDetailsData": "N/A"})

    assert connection.details(JOB) == {}


def test_a_server_that_is_away_is_another_thing(connection, server):
    server.details = (503, {})

    with pytest.raises(ConnectionLostError):
        connection.details(JOB)


def test_a_result_whose_name_is_rewritten_is_read_by_its_link(connection, server):
    server.files = {
        "x$HOME.txt": b"",
        "esd/plain-names/list": b"0 3 ./x$HOME.txt\x00",
        "esd/plain-names/0": b"abc",
    }

    assert connection.files(JOB) == (RemoteFile("x$HOME.txt", 3),)
    with connection.read(JOB, "x$HOME.txt", 1) as pieces:
        assert b"".join(pieces) == b"bc"


def test_without_a_link_it_is_asked_for_by_its_name(connection, server):
    server.files = {"x$HOME.txt": b"abc"}

    with connection.read(JOB, "x$HOME.txt") as pieces:
        assert b"".join(pieces) == b"abc"


def test_a_job_folder_is_asked_for_once(connection, server):
    for _ in range(3):
        with suppress(KeyError):
            connection.upload(JOB, "a", b"")

    assert sum(url == "/storages/1-uspace" for _, url in server.asked) == 1
