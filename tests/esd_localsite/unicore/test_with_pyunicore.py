"""The unmodified pyunicore against a real endpoint over TLS; no Slurm, no root."""

import fcntl
import socket
import threading
import time

import httpx
import pytest
from pyunicore.client import Job, JobStatus, Registry

pytestmark = pytest.mark.integration

WAIT_FOR_GO = "while [ ! -e go ]; do sleep 0.02; done"
HOLD_LOCK = f"exec 9>lock; flock 9; mv lock begun; trap '' TERM; {WAIT_FOR_GO}"
"""Holds a lock as long as it lives, and does not end when it is asked to."""


def test_the_site_and_its_registry(endpoint, client):
    registry = Registry(endpoint.transport(), endpoint.url.replace("/core", "/registries/default_registry"))
    assert registry.site_urls == {"LOCAL": endpoint.url}
    assert registry.site("LOCAL").access_info()["xlogin"]["UID"] == "esd"
    assert registry.workflow_services_urls == {}
    assert client.server_version_info() == (10, 2, 0)
    assert client.properties["server"]["jobSubmission"]["message"].startswith("No batch system")
    queues = client.get_compute()[0].get_queues()
    assert (queues["batch"]["Nodes"], queues["batch"]["Runtime"]) == ("1-2", "1-3600")
    assert [(app.name, app.version) for app in client.get_applications()] == [
        ("Date", "1.0"),
        ("Bash shell", "5.1"),
        ("Python script", "3"),
    ]
    assert client.get_transfers() == []


def test_a_job_with_client_stage_in_and_precommand(client, tmp_path, finish, read):
    (tmp_path / "job.sh").write_text('cat pulled; echo $SCRATCH; echo "[$ON_LOGIN_NODE]"; echo warn >&2')
    description = {
        "Executable": "bash",
        "Arguments": ["esd/job.sh"],
        "User precommand": "bash -c 'echo image by $ON_LOGIN_NODE > pulled'",
        "RunUserPrecommandOnLoginNode": "true",
        "Resources": {"Nodes": 1},
        "Tags": ["stage-in"],
    }
    job = finish(client.new_job(description, inputs={"esd/job.sh": str(tmp_path / "job.sh")}))
    assert (job.status, job.exit_code) == (JobStatus.SUCCESSFUL, 0)
    assert job.properties["exitCode"] == "0"
    scratch = client.properties and read(job, "stdout").splitlines()
    assert scratch[0] == "image by yes"
    assert scratch[1].endswith("/scratch")
    assert scratch[2] == "[]"
    assert read(job, "stderr") == "warn\n"
    assert [other.job_id for other in client.get_jobs(tags=["stage-in"])] == [job.job_id]
    assert job.bss_details()["JobState"] == "GONE"
    assert client.transport.get(url=job.links["submitted"])["Arguments"] == ["esd/job.sh"]


def test_a_job_waits_for_its_client(client, finish, read):
    job = client.new_job({"Executable": "cat in", "haveClientStageIn": "true"}, autostart=False)
    assert job.status is JobStatus.READY
    job.working_dir.put(b"uploaded", "in")
    job.start()
    assert read(finish(job), "stdout") == "uploaded"


def test_poll_returns_when_the_job_is_over(client):
    job = client.new_job({"Executable": "false"})
    job.poll(timeout=20)
    assert job.status is JobStatus.FAILED


def test_a_failing_precommand_keeps_the_program_from_running(client, finish, read):
    job = finish(client.new_job({"Executable": "date", "User precommand": "bash -c 'echo no space left >&2; exit 3'"}))
    message = "Pre-command(s) failed: [Command exited with non-zero exit code: <3>. More information might be available in"
    assert job.properties["statusMessage"].startswith(message)
    assert job.exit_code is None
    assert "no space left" in "\n".join(job.log)
    assert "stdout" not in job.working_dir.listdir()
    assert read(job, ".UNICORE_PRE_0/PRE_0_UNICORE_SCRIPT_EXIT_CODE") == "3\n"


def test_a_failing_script_leaves_traceback_and_exit_code(client, tmp_path, finish, read):
    (tmp_path / "net.py").write_text("raise SystemError('synapse')")
    job = finish(client.new_job({"Executable": "python3", "Arguments": ["net.py"]}, inputs=[str(tmp_path / "net.py")]))
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 1)
    assert "Traceback" in read(job, "stderr")
    assert "SystemError: synapse" in read(job, "stderr")


def test_a_wrong_description_is_a_failed_job_with_the_reason(client, finish):
    job = finish(client.new_job({"Executable": "date", "Resources": {"Nodes": 7}, "Tags": ["wrong"]}))
    assert job.status is JobStatus.FAILED
    assert job.properties["statusMessage"] == "Processing failed: Resource request <Nodes=7> is out of range. (Invalid resource request)"
    assert client.get_jobs(tags=["wrong"])


@pytest.mark.parametrize(
    "description",
    [
        pytest.param({"Executable": HOLD_LOCK}, id="batch"),
        pytest.param({"Executable": HOLD_LOCK, "Job type": "INTERACTIVE"}, id="login node"),
    ],
)
def test_abort_ends_what_runs(endpoint, client, description):
    job = client.new_job({**description, "User postcommand": "touch post"})
    _until_listed(job, "begun")
    job.abort()
    job.cache_time = 0
    assert job.properties["statusMessage"] == "Job aborted."
    _until_unlocked(endpoint.folder / "uspace" / job.job_id / "begun")
    files = job.working_dir.listdir()
    assert "post" not in files
    assert "UNICORE_SCRIPT_EXIT_CODE" not in files


def test_restart_runs_a_finished_job_again(client, finish):
    job = finish(client.new_job({"Executable": "test -e second"}))
    assert job.exit_code == 1
    job.working_dir.put(b"", "second")
    job.restart()
    assert finish(job).exit_code == 0


def test_delete_ends_the_job_and_removes_its_directory(endpoint, client):
    job = client.new_job({"Executable": WAIT_FOR_GO})
    folder = endpoint.folder / "uspace" / job.job_id
    assert job.working_dir.properties["mountPoint"] == f"{folder}/"
    assert folder.is_dir()
    job.delete()
    assert not folder.exists()
    with pytest.raises(httpx.HTTPError, match="404 Server Error"):
        job.transport.get(url=job.resource_url)


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_a_job_survives_the_restart_of_the_endpoint(endpoint, client, end, finish, read):
    batch = client.new_job({"Executable": f"touch begun; {WAIT_FOR_GO}; bash -c 'exit 5'"})
    login = client.new_job({"Executable": "cat pulled", "User precommand": f"touch begun; {WAIT_FOR_GO}; echo image | tee pulled"})
    for job in (batch, login):
        _until_listed(job, "begun")
    getattr(endpoint, end)()
    (endpoint.folder / "uspace" / batch.job_id / "go").touch()
    endpoint.start()
    assert finish(Job(endpoint.transport(), batch.resource_url)).exit_code == 5
    again = Job(endpoint.transport(), login.resource_url)
    assert again.status is JobStatus.QUEUED
    again.working_dir.put(b"", "go")
    assert read(finish(again), "stdout") == "image\n"


def test_a_client_survives_the_restart_too(endpoint, client):
    assert client.properties
    endpoint.stop()
    endpoint.start()
    assert client.get_jobs() is not None


def test_storage_operations(client, tmp_path, read, finish):
    job = finish(client.new_job({}))
    assert job.status is JobStatus.SUCCESSFUL
    storage = job.working_dir
    storage.mkdir("results/deep")
    storage.put(b"0123456789", "results/deep/data")
    storage.put((chunk for chunk in (b"ab", b"cd")), "chunked")
    storage.rename("chunked", "renamed")
    storage.copy("results/deep/data", "copied")
    assert sorted(storage.listdir()) == ["copied", "renamed", "results/"]
    assert list(storage.listdir("results/deep")) == ["results/deep/data"]
    data = storage.stat("results/deep/data")
    assert (data.size(), data.read(), data.read(offset=2, size=3), data.read(offset=8)) == (10, b"0123456789", b"234", b"89")
    data.download(str(tmp_path / "got"))
    assert (tmp_path / "got").read_bytes() == b"0123456789"
    assert storage.stat("renamed").read() == b"abcd"
    storage.rm("renamed")
    storage.rmdir("results")
    assert list(storage.listdir()) == ["copied"]
    with pytest.raises(httpx.HTTPError, match="404 Server Error"):
        storage.stat("renamed")


def test_a_large_file_goes_up_and_comes_down_unchanged(client, tmp_path, read):
    content = bytes(range(256)) * 40_000
    (tmp_path / "large").write_bytes(content)
    storage = client.new_job({}).working_dir
    storage.upload(str(tmp_path / "large"))
    assert storage.stat("large").read() == content


def test_an_upload_that_breaks_off_leaves_what_came(endpoint, client, finish):
    job = finish(client.new_job({}))
    credentials = endpoint.transport().credential.get_auth_header()
    head = (
        f"PUT /LOCAL/rest/core/storages/{job.job_id}-uspace/files/large HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
        f"Content-Type: application/octet-stream\r\nAuthorization: {credentials}\r\n\r\n"
    )
    folder = endpoint.folder / "uspace" / job.job_id
    with socket.create_connection(("127.0.0.1", endpoint.port)) as plain:
        secured = endpoint.verify.wrap_socket(plain, server_hostname="127.0.0.1")
        secured.sendall(head.encode() + b"half")
        _until(lambda: any(folder.iterdir()), job)
        secured.close()
    _until(lambda: (folder / "large").read_bytes() == b"half", job)


def test_home_and_the_working_directories_are_storages(client):
    job = client.new_job({})
    assert [storage.resource_url.rpartition("/")[2] for storage in client.get_storages()] == ["HOME"]
    assert job.links["workingDirectory"] in {storage.resource_url for storage in client.get_storages(all=True)}


def test_paging(client):
    jobs = [client.new_job({"Tags": ["page"]}).job_id for _ in range(3)]
    assert [job.job_id for job in client.get_jobs(tags=["page"])] == jobs
    assert [job.job_id for job in client.get_jobs(offset=1, num=1, tags=["page"])] == [jobs[1]]


def test_tags_can_be_changed(client):
    job = client.new_job({"Tags": ["before"]})
    assert job.set_properties({"tags": ["after"], "name": "x"}) == {"tags": "OK", "name": "Property not found or cannot be modified!"}
    assert client.get_jobs(tags=["before"]) == []
    assert [other.job_id for other in client.get_jobs(tags=["after"])] == [job.job_id]


def _until_unlocked(path, seconds=10.0):
    """All processes that hold the file's lock are gone."""
    pause, end = threading.Event(), time.monotonic() + seconds
    with path.open() as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                assert time.monotonic() < end, "the job still runs"
                pause.wait(0.02)
            else:
                return


def _until_listed(job, name):
    _until(lambda: name in job.working_dir.listdir(), job)


def _until(condition, job, seconds=20.0):
    pause, end = threading.Event(), time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, job.log
        pause.wait(0.02)
