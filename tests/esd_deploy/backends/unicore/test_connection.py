"""The adapter to pyunicore: its errors' meaning, and against a real UNICORE endpoint on loopback."""

import json
import socket
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest
import trustme
from tests.esd_deploy.conftest import prepared

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import ConnectionLostError
from esd_deploy.backends.unicore.connection import UnicoreConnection
from esd_deploy.backends.unicore.http import meaning
from esd_deploy.backends.unicore.job import description
from esd_deploy.plans.job import JobDescription
from esd_deploy.plans.run_job import spec
from esd_deploy.runs.run import Run
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_localsite.identity.users import UserEntry

ENDPOINT = Endpoint("https://u.example.org/X/rest/core", "r.example.org", None, Credentials("s3cret", "me"), "start it")
PERMANENT = {
    "403 Server Error: n/a for url: https://u.example.org": "does not let user 'me' in",
    "401 Server Error: n/a": "does not let user 'me' in",
    "404 Server Error: n/a": "no longer knows this",
    "400 Server Error: bad job": "refused: 400 Server Error: bad job",
    "500 Server Error: [Errno 122] Disk quota exceeded: 'a' for url: https://u.example.org": "your space at the site is used up",
    "500 Server Error: No space left on device for url: https://u.example.org": "a disk at the site is full",
}


@pytest.mark.parametrize("text", PERMANENT)
def test_a_refusal_is_not_tried_again(text):
    error = meaning(httpx.HTTPError(text), ENDPOINT)

    assert PERMANENT[text] in str(error)
    assert not isinstance(error, ConnectionLostError)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("error", [httpx.ConnectError("refused"), httpx.ReadTimeout(""), httpx.HTTPError("503 Server Error: busy")])
def test_what_may_pass_is_tried_again(error):
    assert isinstance(meaning(error, ENDPOINT), ConnectionLostError)


def test_an_untrusted_certificate_is_not_tried_again():
    error = meaning(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), ENDPOINT)

    assert "correct ca_file" in str(error)
    assert not isinstance(error, ConnectionLostError)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    """The local site's UNICORE endpoint as a process of its own, without Slurm."""
    folder = tmp_path_factory.mktemp("unicore")
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "cert.pem")
    (folder / "users.json").write_text(json.dumps({"esd": UserEntry.of("s3cret", "esd").model_dump()}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = {
        "site_name": "LOCAL",
        "port": port,
        "certificate": str(folder / "cert.pem"),
        "private_key": str(folder / "cert.pem"),
        "users_file": str(folder / "users.json"),
        "state_dir": str(folder / "state"),
        "uspace_dir": str(folder / "uspace"),
        "environment": {"HOME": str(folder)},  # a job's login shell reads nothing of this machine's user
        "profile": "nobatch",
        "times": {"poll_seconds": 0.05},
        "partitions": {"batch": {"max_nodes": 2, "max_runtime_s": 3600}},
    }
    (folder / "config.json").write_text(json.dumps(config))
    command = (sys.executable, "-m", "esd_localsite.front", "--config", str(folder / "config.json"))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        started = process.stderr is not None and any("Uvicorn running" in line for line in process.stderr)
        assert started, "the endpoint did not start"
        yield Endpoint(f"https://127.0.0.1:{port}/LOCAL/rest/core", "", folder / "ca.pem", Credentials("s3cret", "esd"), "")
        process.terminate()
        process.communicate(timeout=15)


@pytest.mark.integration
def test_a_run_through_real_unicore(endpoint, planned, tmp_path):
    site = planned.site.model_copy(update={"partition": None, "account": None})
    record = prepared(replace(planned, image=None, script=b"print('hello')", site=site), tmp_path / "r")
    program = "python3 net.py && echo '{\"neurons\": 3}' > metrics.json"  # in place: there is no srun here
    steps = {"activate": "true", "prepare": "true", "wireup": "true", "versions": "true", "program": program}
    (tmp_path / "r" / "esd" / "launch.sh").write_text("".join(f"{name}() {{ {line}; }}\n" for name, line in steps.items()))
    run = Run(record, tmp_path / "r", UnicoreConnection.open(endpoint), poll_s=0.05)

    run.submit()
    ended = run.wait()

    assert (ended.status, ended.exit_code, ended.metrics) == ("SUCCESSFUL", 0, {"neurons": 3}), ended.log
    assert (tmp_path / "r" / "stdout").read_text() == "hello\n"
    assert UnicoreConnection.open(endpoint).find(run.id) == [ended.job.url]


@pytest.mark.integration
def test_an_error_page_is_not_taken_for_a_file(endpoint, planned):
    connection = UnicoreConnection.open(endpoint)
    job = connection.create(JobDescription(**{**description(spec(planned)).document(), "Resources": {}}))

    with pytest.raises(ToolError, match="no longer knows this"), connection.read(job, "spikes.nix") as pieces:
        list(pieces)


@pytest.mark.integration
def test_a_certificate_of_an_unknown_authority_is_refused(endpoint):
    with pytest.raises(ToolError, match="is not signed by"):
        UnicoreConnection.open(replace(endpoint, ca_file=None))


@pytest.mark.integration
def test_a_wrong_password_is_named_as_such(endpoint):
    with pytest.raises(ToolError, match="does not let user 'esd' in"):
        UnicoreConnection.open(replace(endpoint, credentials=Credentials("wrong", "esd")))


@pytest.mark.integration
def test_a_site_that_is_down_says_what_to_try(endpoint):
    with pytest.raises(ToolError, match=r"does not answer.*start it"):
        UnicoreConnection.open(replace(endpoint, url="https://127.0.0.1:9/LOCAL/rest/core", hint="start it"))
