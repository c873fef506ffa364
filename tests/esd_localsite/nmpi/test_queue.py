"""The queue over HTTP, in a real endpoint; a stand-in for Apptainer runs the programs with this machine's Python."""

import io
import tarfile
import time
import zipfile

import httpx
import pytest
from tests.real.own_queue import own_queue

from esd_localsite.faults.board import Fault, FaultBoard, FaultKind

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with own_queue(tmp_path_factory.mktemp("queue")) as queue:
        yield queue


@pytest.fixture(scope="module")
def endpoint(own):
    return own.endpoint


@pytest.fixture(scope="module")
def queue(own):
    with httpx.Client(base_url=own.url, verify=own.tls, headers={"Authorization": f"Bearer {own.token()}"}) as client:
        yield client


@pytest.fixture
def run(queue):
    """Submits, waits, and gives the job with its log."""

    def run(code="pass", **fields):
        answer = queue.post("/jobs/", json={"code": code, "collab": "demo", "hardware_platform": "Demo", **fields})
        assert answer.status_code == 201, answer.text
        uri, end = answer.json()["resource_uri"], time.monotonic() + 20
        while (job := queue.get(uri, params={"with_log": "true"}).json())["status"] not in {"finished", "error"}:
            assert time.monotonic() < end, job
        return job

    return run


def fetched(endpoint, job):
    """Results as the client gets them: by their address alone."""
    return {file["path"]: httpx.get(file["url"], verify=endpoint.verify).text for file in job["output_data"]["files"]}


CODE = """\
import os, pathlib, sys
pathlib.Path("out").mkdir()
pathlib.Path("out/result.txt").write_text(" ".join(sys.argv[1:]))
os.symlink("/etc/passwd", "link")
pathlib.Path("reports").mkdir()
pathlib.Path("reports/big").write_text("x")
print("said", pathlib.Path.home().name)
"""


def test_a_job_from_submission_to_results(endpoint, queue, run):
    job = run(CODE, command="net.py {system} 7", tags=["tag"])
    assert (job["status"], job["log"], job["tags"]) == ("finished", "said home\n", ["tag"])
    assert fetched(endpoint, job) == {"out/result.txt": "nest 7"}
    assert queue.get(f"/jobs/{job['id']}/log").text == "said home\n"
    assert queue.get("/jobs/", params={"status": "finished", "size": 1}).json()[0]["id"] == job["id"]
    assert queue.get("/jobs/", params={"status": "running"}).json() == []
    assert job["output_data"] == queue.get(f"/jobs/{job['id']}/output_data").json()


def test_a_job_that_fails_shows_why(run):
    job = run("raise SystemExit('no weights')")
    assert job["status"] == "error"
    assert job["log"].startswith("no weights\nlocal site: User application exited with non-zero exit code")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_code_comes_as_an_archive(endpoint, run, kind):
    storage = endpoint.client().new_job({}).working_dir
    storage.put(archive(kind, {"run.py": "import part; print(part.NAME)", "part.py": "NAME = 'packed'", "data.txt": "x"}), f"code.{kind}")
    job = run(f"{storage.resource_url}/files/code.{kind}")
    assert (job["status"], job["log"]) == ("finished", "packed\n")
    assert job["output_data"] is None


def test_an_archive_that_climbs_out_writes_nothing_there(endpoint, run):
    storage = endpoint.client().new_job({}).working_dir
    storage.put(archive("tar.gz", {"run.py": "print('ran')", "../../escaped": "x"}), "code.tar.gz")
    job = run(f"{storage.resource_url}/files/code.tar.gz")
    assert job["status"] == "error"
    assert not list((endpoint.folder / "uspace").rglob("escaped"))


def archive(kind, files):
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as packed:
            for name, text in files.items():
                packed.writestr(name, text)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as packed:
            for name, text in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(text)
                packed.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"command": "../x"}, "the script must be part of the job's code"),
        ({"hardware_platform": "SpiNNaker"}, "platform SpiNNaker has no image at this site"),
        ({"code": "drive://demo/net"}, "only the text of a program"),
    ],
)
def test_what_cannot_run_is_taken_as_by_the_service_and_says_why(run, fields, says):
    job = run(**fields)
    assert job["status"] == "error"
    assert says in job["log"]


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}])
def test_without_a_good_token_nothing_is_shown(queue, header):
    answer = httpx.get(f"{queue.base_url}/jobs/", headers=header, verify=False)
    words = {"Bearer x": "Token may have expired"}.get(header.get("Authorization"), "You must provide either a token or an API key")
    assert (answer.status_code, answer.json()) == (401, {"detail": words})


def test_maintenance(endpoint, queue):
    board = FaultBoard(endpoint.folder / "state" / "faults.json")
    board.switch_on(Fault(kind=FaultKind.NMPI_503, times=1))
    answer = queue.get("/jobs/")
    assert (answer.status_code, "maintenance" in answer.json()["error"]) == (503, True)
    assert queue.get("/jobs/").status_code == 200


def test_results_need_their_whole_address(endpoint, queue, run):
    url = run(CODE)["output_data"]["files"][0]["url"]
    with httpx.Client(verify=endpoint.verify) as anybody:
        assert anybody.get(url, headers={"Range": "bytes=0-1"}).text == "ne"
        assert anybody.head(url).headers["content-length"] == "4"
        for wrong in (url.replace("result.txt", "../stdout"), url.replace("out/result.txt", "link"), url[:-20] + "x" * 20):
            assert anybody.get(wrong).status_code == 404
        assert anybody.get("/".join((*url.split("/")[:-3], "0" * 64, "out/result.txt"))).status_code == 404


def test_jobs_of_the_queue_are_not_unicores(endpoint, queue, run):
    before = len(endpoint.client().get_jobs())
    run()
    assert len(endpoint.client().get_jobs()) == before


def test_jobs_survive_a_restart_and_go_when_removed(endpoint, queue, run):
    job = run(CODE)
    endpoint.crash()
    endpoint.start()
    again = queue.get(job["resource_uri"]).json()
    assert (again["status"], again["output_data"]) == ("finished", job["output_data"])
    assert queue.delete(job["resource_uri"]).status_code == 200
    assert queue.get(job["resource_uri"]).json()["status"] == "removed"
    assert httpx.get(job["output_data"]["files"][0]["url"], verify=endpoint.verify).status_code == 404


def test_comments_and_tags(queue, run):
    uri = run()["resource_uri"]
    assert queue.post(f"{uri}/comments/", json={"content": "good"}).status_code == 201
    assert queue.post(f"{uri}/tags/", json=["bb", "aa"]).json() == ["aa", "bb"]
    assert queue.request("DELETE", f"{uri}/tags/", json=["aa"]).json() == ["bb"]
    assert queue.post(f"{uri}/tags/", json={"a": 1}).status_code == 422
    job = queue.get(uri, params={"with_comments": "true"}).json()
    assert (job["tags"], job["comments"][0]["content"]) == (["bb"], "good")
