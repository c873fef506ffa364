"""Every call of pyunicore that needs no workflow service: registry, client, jobs, storages, files, transfers, tokens."""

import io
import tempfile
from pathlib import Path

from pyunicore.client import Client, Job, JobStatus, Registry, Storage, TransferStatus, Transport
from pyunicore.credentials import OIDCToken, UsernamePassword
from steps import Place, run  # type: ignore[import-not-found]  # beside the script, which alone is run

CONTENT = bytes(range(256)) * 40
WAIT_S = 240


def transport(place: Place) -> Transport:
    return Transport(UsernamePassword(place.user, place.password), verify=True)


def site(place: Place) -> Client:
    return Client(transport(place), place.core)


def ended(job: Job) -> Job:
    job.cache_time = 0
    job.poll(timeout=WAIT_S)
    return job


def registry(place: Place) -> None:
    found = Registry(transport(place), place.registry)
    assert found.site_urls[place.site] == place.core, found.site_urls
    assert found.site(place.site).access_info()["xlogin"]["UID"] == place.user
    assert found.site().resource_url == place.core


def who_i_am(place: Place) -> None:
    client = site(place)
    assert client.access_info()["role"]["selected"] == "user"
    client.assert_authentication()
    assert client.server_version_info()


def a_token_of_the_server(place: Place) -> None:
    token = site(place).issue_auth_token(lifetime=300, limited=True)
    assert Client(Transport(OIDCToken(token), verify=True), place.core).access_info()["xlogin"]["UID"] == place.user


def preferences(place: Place) -> None:
    asked = transport(place)
    asked.preferences = f"uid:{place.user}"
    assert Client(asked, place.core).access_info()["xlogin"]["UID"] == place.user


def compute_and_applications(place: Place) -> None:
    (compute,) = site(place).get_compute()
    assert "batch" in compute.get_queues()
    assert "Date" in {application.name for application in compute.get_applications()}
    assert {application.version for application in site(place).get_applications()} >= {"1.0"}


def a_batch_job_with_inputs(place: Place) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "work.sh")
        script.write_text("cat input.txt; echo warned >&2; exit 3\n")
        given = {"work.sh": str(script), "input.txt": str(script)}
        job = site(place).new_job({"Executable": "bash", "Arguments": ["work.sh"], "Tags": ["calls"]}, inputs=given)
    ended(job)
    assert (job.status, job.exit_code) == (JobStatus.FAILED, 3), job.properties
    assert job.log
    assert job.working_dir.stat("stdout").read() == b"cat input.txt; echo warned >&2; exit 3\n"
    assert job.working_dir.stat("stderr").read() == b"warned\n"
    assert job.resource_url in [one.resource_url for one in site(place).get_jobs(tags=["calls"])]
    job.delete()


def a_job_that_waits_for_its_start(place: Place) -> None:
    job = site(place).new_job({"ApplicationName": "Date", "haveClientStageIn": "true"}, autostart=False)
    job.cache_time = 0
    job.working_dir.put(CONTENT, "in/put.bin")
    job.poll(JobStatus.READY, timeout=WAIT_S)
    job.start()
    assert ended(job).status is JobStatus.SUCCESSFUL
    assert job.working_dir.stat("in/put.bin").size() == len(CONTENT)
    assert "2" in job.working_dir.stat("stdout").read().decode()
    assert job.bss_details()
    job.restart()
    assert ended(job).status is JobStatus.SUCCESSFUL


def a_job_that_is_aborted(place: Place) -> None:
    job = site(place).new_job({"Executable": "sleep", "Arguments": ["600"]})
    job.cache_time = 0
    job.poll(JobStatus.RUNNING, timeout=WAIT_S)
    assert job.is_running()
    job.abort()
    assert ended(job).status is JobStatus.FAILED


def a_command_on_the_login_node(place: Place) -> None:
    job = ended(site(place).execute("echo from the login node"))
    assert job.status is JobStatus.SUCCESSFUL, job.log
    assert job.working_dir.stat("stdout").read() == b"from the login node\n"


def an_allocation(place: Place) -> None:
    held = site(place).new_job({"Job type": "ALLOCATE", "Resources": {"Nodes": "1", "Runtime": "5min"}})
    held.cache_time = 0
    held.wait_until_available(timeout=WAIT_S)
    inside = held.new_job({"Executable": "srun -n1 hostname"})
    assert ended(inside).status is JobStatus.SUCCESSFUL, inside.log
    assert inside.working_dir.stat("stdout").read().startswith(b"c")
    held.abort()


def folder(place: Place) -> Storage:
    """An empty job's folder, where files may be made."""
    return ended(site(place).new_job({})).working_dir


def files(place: Place) -> None:
    here = folder(place)
    here.put(CONTENT, "a.bin")
    here.makedirs("d/e")
    here.copy("a.bin", "d/e/b.bin")
    here.rename("a.bin", "d/c.bin")
    assert {name.strip("/") for name in here.listdir("d")} == {"d/e", "d/c.bin"}
    assert here.stat("d").isdir()
    got = io.BytesIO()
    here.stat("d/e/b.bin").download(got)
    assert got.getvalue() == CONTENT
    assert here.stat("d/c.bin").read(offset=10, size=20) == CONTENT[10:30]
    with here.stat("d/c.bin").raw(offset=10_000) as answer:
        assert answer.read() == CONTENT[10_000:]
    here.stat("d/c.bin").remove()
    here.rmdir("d/e")
    assert here.contents("d")["content"] == {}


def odd_names(place: Place) -> None:
    here = folder(place)
    for name in ("with blank", "größe", "a+b=c,d"):
        here.put(name.encode(), name)
        assert here.stat(name).read() == name.encode()


def an_upload_from_a_file(place: Place) -> None:
    here = folder(place)
    with tempfile.TemporaryDirectory() as kept:
        file = Path(kept, "sent.bin")
        file.write_bytes(CONTENT * 100)
        here.upload(str(file))
        here.stat("sent.bin").download(f"{kept}/back.bin")
        assert Path(kept, "back.bin").read_bytes() == CONTENT * 100


def transfers(place: Place) -> None:
    here, there = folder(place), folder(place)
    here.put(CONTENT, "a.bin")
    for transfer in (
        here.send_file("a.bin", f"{there.resource_url}/files/sent.bin"),
        there.receive_file(f"{here.resource_url}/files/a.bin", "got.bin"),
    ):
        transfer.cache_time = 0
        transfer.poll(timeout=WAIT_S)
        assert transfer.status is TransferStatus.DONE, transfer.properties
    assert there.stat("sent.bin").read() == there.stat("got.bin").read() == CONTENT
    assert isinstance(site(place).get_transfers(), list)


def storages(place: Place) -> None:
    found = {one.resource_url.rpartition("/")[2]: one for one in site(place).get_storages()}
    assert found["HOME"].properties["umask"]
    assert found["HOME"].stat("/").isdir()


def imports_of_jobs(place: Place) -> None:
    here = folder(place)
    here.put(b"imported\n", "a.txt")
    data = [{"To": "one.txt", "Data": ["line 1", "line 2"]}, {"To": "two.txt", "From": f"{here.resource_url}/files/a.txt"}]
    job = ended(site(place).new_job({"Executable": "cat", "Arguments": ["one.txt", "two.txt"], "Imports": data}))
    assert job.status is JobStatus.SUCCESSFUL, job.log
    assert job.working_dir.stat("stdout").read() == b"line 1\nline 2\nimported\n"


if __name__ == "__main__":
    run(
        *(registry, who_i_am, a_token_of_the_server, preferences, compute_and_applications, a_batch_job_with_inputs),
        *(a_job_that_waits_for_its_start, a_job_that_is_aborted, a_command_on_the_login_node, an_allocation),
        *(files, odd_names, an_upload_from_a_file, transfers, storages, imports_of_jobs),
    )
