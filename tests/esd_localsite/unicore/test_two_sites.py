"""Files between two UNICORE servers, both real, over loopback: each verifies the other, and is shown what its user says."""

import contextlib
import json
import os
import shutil
import socket
import socketserver
import threading
import time

import httpx
import pytest
from pyunicore.client import Storage, Transport
from pyunicore.credentials import OIDCToken

from esd_localsite.description.credentials import Credentials, parse_credentials
from esd_localsite.description.resources import DescriptionError
from esd_localsite.faults.board import Fault, FaultBoard, FaultKind

USER, PASSWORD = "esd", "geheim"
LOGIN = {"Credentials": {"Username": USER, "Password": PASSWORD}}
WRONG = {"Credentials": {"Username": USER, "Password": "wrong one"}}
BIG = os.urandom(3 * 2**20)


def test_credentials_of_a_description():
    assert parse_credentials({}) is None
    assert parse_credentials(LOGIN).authorization == "Basic ZXNkOmdlaGVpbQ=="
    assert parse_credentials({"Credentials": {"BearerToken": "t"}}).resolved("other").authorization == "Bearer t"
    assert Credentials().resolved("mine").authorization == "Bearer mine"
    with pytest.raises(DescriptionError, match="you showed no token"):
        Credentials().resolved(None)
    assert PASSWORD not in repr(parse_credentials(LOGIN))


@pytest.mark.parametrize(
    "given", ["x", {}, {"Username": "a"}, {"BearerToken": 1}, {"BearerToken": "a\r\nX: y"}, {"Username": "a", "Token": "b"}]
)
def test_credentials_that_are_none(given):
    with pytest.raises(DescriptionError, match="'Credentials' must be"):
        parse_credentials({"Credentials": given})


pytest_integration = pytest.mark.integration


def trust(folder, sites):
    """Lay an endpoint's authority where the other looks for it, as the local sites' do."""
    (sites / folder.name / "tls").mkdir(parents=True)
    shutil.copy(folder / "ca.pem", sites / folder.name / "tls" / "ca.pem")


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def near(tmp_path_factory, start_endpoint, sites):
    yield from start_endpoint(tmp_path_factory.mktemp("near"), sites_dir=str(sites))


@pytest.fixture(scope="module")
def far(tmp_path_factory, start_endpoint, sites):
    folder = tmp_path_factory.mktemp("far")
    for endpoint in start_endpoint(folder, sites_dir=str(sites), faults_file=str(folder / "faults.json")):
        trust(folder, sites)
        yield endpoint


@pytest.fixture
def stored(far, finish):
    """A job directory at the other server."""
    storage = finish(far.client().new_job({})).working_dir
    for name, content in (("big.bin", BIG), ("a b.txt", b"blank"), ("folder/one", b"1"), ("folder/sub/two", b"22"), ("empty", b"")):
        storage.put(content, name.replace(" ", "%20"))
    return storage


def ended(transfer, seconds=20.0):
    transfer.cache_time, pause, end = 0, threading.Event(), time.monotonic() + seconds
    while (properties := transfer.properties)["status"] not in {"DONE", "FAILED", "ABORTED"}:
        assert time.monotonic() < end, properties
        pause.wait(0.02)
    return properties


def names(storage, base="/"):
    return {name for name in storage.listdir(base) if not name.endswith("EXIT_CODE")}


@pytest_integration
def test_a_job_brings_and_sends_files_of_another_server(near, stored, finish):
    there = f"BFT:{stored.resource_url}/files"
    imports = [
        {"From": f"{there}/big.bin", "To": "in.bin", **LOGIN},
        {"From": f"{there}/a%20b.txt", "To": "blank", **LOGIN},
        {"From": f"{there}/folder", "To": "folder", **LOGIN},
        {"From": f"{there}/*.txt", "To": "texts", **LOGIN},
        {"From": f"{there}/empty", "To": "nothing", **LOGIN},
    ]
    exports = [
        {"From": "in.bin", "To": f"{there}/back/again.bin", **LOGIN},
        {"From": "folder", "To": f"{there}/copied", **LOGIN},
    ]
    job = finish(
        near.client().new_job({"Executable": "cat blank texts/* folder/one folder/sub/two nothing", "Imports": imports, "Exports": exports})
    )
    assert job.properties["status"] == "SUCCESSFUL", job.properties["statusMessage"]
    assert job.working_dir.stat("stdout").read() == b"blankblank122"
    assert stored.stat("back/again.bin").read() == BIG
    assert stored.stat("copied/sub/two").read() == b"22"


@pytest_integration
def test_transfers_go_both_ways(near, stored, finish):
    here = finish(near.client().new_job({})).working_dir
    got = ended(here.receive_file(f"{stored.resource_url}/files/big.bin", "big", additional_parameters=LOGIN))
    assert (got["status"], got["transferredBytes"]) == ("DONE", len(BIG)), got
    sent = ended(here.send_file("big", f"{stored.resource_url}/files/sent", protocol="BFT", additional_parameters=LOGIN))
    assert (sent["status"], stored.stat("sent").read() == BIG) == ("DONE", True), sent
    assert PASSWORD not in json.dumps([got, sent])
    assert not any(PASSWORD in file.read_text() for file in (near.folder / "state" / "transfers").iterdir())


@pytest_integration
@pytest.mark.parametrize(
    ("file", "credentials", "said"),
    [
        ("big.bin", {}, "answers 403: give 'Credentials'"),
        ("big.bin", WRONG, "answers 403: give 'Credentials'"),
        ("missing", LOGIN, "answers 404"),
        ("*.missing", LOGIN, "No such file"),
        ("big.bin", {"Credentials": {"BearerToken": ""}}, "you showed no token to this server"),
        ("big.bin", {"Credentials": {"BearerToken": "nonsense"}}, "answers 403: give 'Credentials'"),
    ],
)
def test_what_cannot_be_had_is_named_and_leaves_nothing(near, stored, finish, file, credentials, said):
    source = {"From": f"BFT:{stored.resource_url}/files/{file}", "To": "x", **credentials}
    job = finish(near.client().new_job({"Executable": "true", "Imports": [source]}))
    assert (job.properties["status"], said in job.properties["statusMessage"]) == ("FAILED", True), job.properties["statusMessage"]
    assert names(job.working_dir) == set()
    assert "wrong one" not in json.dumps(job.properties)


@pytest_integration
def test_a_cut_connection_fails_the_transfer_on_either_side(near, far, stored, finish):
    here = finish(near.client().new_job({})).working_dir
    here.put(BIG, "big")
    board = FaultBoard(far.folder / "faults.json")
    for begin in (
        lambda: here.receive_file(f"{stored.resource_url}/files/big.bin", "got", additional_parameters=LOGIN),
        lambda: here.send_file("big", f"{stored.resource_url}/files/sent", additional_parameters=LOGIN),
    ):
        board.switch_on(Fault(kind=FaultKind.CUT_BODY, times=1))
        failed = ended(begin())
        assert (failed["status"], "cannot be reached" in failed["statusMessage"]) == ("FAILED", True), failed
    assert names(here) <= {"big", "got"}  # written in place: what came stays


@pytest_integration
def test_a_server_of_an_unknown_authority_is_not_trusted(near, far, stored, finish):
    """The other way round: the far server looks into the same folder, where the near one's authority does not lie."""
    here = finish(near.client().new_job({})).working_dir
    here.put(b"x", "x")
    for begin in (stored.receive_file, stored.send_file):
        arguments = (f"{here.resource_url}/files/x", "x")
        failed = ended(begin(*(arguments if begin == stored.receive_file else ("empty", arguments[0])), additional_parameters=LOGIN))
        assert (failed["status"], "CERTIFICATE_VERIFY_FAILED" in failed["statusMessage"]) == ("FAILED", True), failed
    assert here.stat("x").read() == b"x"


@contextlib.contextmanager
def gateway(port):
    """Another port of 127.0.0.1 that leads to this one, byte by byte: to the server itself it is another server."""

    class Relay(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(("127.0.0.1", port)) as inner:
                back = threading.Thread(target=pump, args=(inner, self.request))
                back.start()
                pump(self.request, inner)
                back.join()

    def pump(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Relay) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest_integration
def test_the_users_token_is_passed_on(far, stored):
    """As where two sites have one identity provider."""
    form = {"grant_type": "password", "username": USER, "password": PASSWORD}
    token = httpx.post(f"{far.url.replace('/rest/core', '/oidc')}/token", data=form, verify=far.verify).json()["access_token"]
    with gateway(far.port) as port:
        address = f"{stored.resource_url.replace(str(far.port), str(port))}/files/big.bin"
        without = ended(stored.receive_file(address, "copy"))
        assert "answers 403" in without["statusMessage"]
        storage = Storage(Transport(OIDCToken(token), verify=far.verify), stored.resource_url)
        assert ended(storage.receive_file(address, "copy"))["status"] == "DONE"
    assert stored.stat("copy").read() == BIG
