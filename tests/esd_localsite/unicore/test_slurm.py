"""The slurm profile against a local site's Slurm: an own endpoint, so that it can be stopped."""

import os
import re
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from pyunicore.client import Job

pytestmark = [
    pytest.mark.integration,
    pytest.mark.site,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: jobs run as another user"),
]

TWO_NODES = {"Nodes": 2, "CPUsPerNode": 1, "Runtime": "5m", "Queue": "batch"}
HOLD = "touch begun; while [ ! -e go ]; do sleep 0.1; done"
PATIENCE = 300
"""Seconds; other jobs of the site may come first."""


@pytest.fixture(scope="module")
def slurm_endpoint(running_site, start_endpoint):
    with tempfile.TemporaryDirectory(dir=running_site.scratch) as name:  # a folder that all nodes see
        Path(name).chmod(0o755)
        yield from start_endpoint(Path(name), separate_users=True, profile="slurm", slurm_conf=str(running_site.slurm_conf))


@pytest.fixture
def slurm(slurm_endpoint):
    return slurm_endpoint.client()


def test_a_job_on_two_nodes(slurm, finish, read):
    job = finish(slurm.new_job({"Executable": "srun -n2 hostname", "Resources": TWO_NODES, "User precommand": "uname -n"}), PATIENCE)
    assert (job.exit_code, sorted(read(job, "stdout").split())) == (0, ["c1", "c2"])
    details = job.bss_details()
    assert (details["JobState"], details["NumNodes"], details["Comment"]) == ("COMPLETED", "2", job.job_id)


def test_slurm_sees_success_where_the_program_failed(slurm, finish):
    job = finish(slurm.new_job({"Executable": "bash -c 'exit 7'"}), PATIENCE)
    assert job.exit_code == 7
    assert job.bss_details()["ExitCode"] == "0:0"


def test_abort_cancels(slurm, wait):
    job = wait(slurm.new_job({"Executable": "sleep 600"}), "RUNNING", seconds=PATIENCE)
    job.abort()
    assert job.properties["statusMessage"] == "Job aborted."
    end = time.monotonic() + 30
    while (state := job.bss_details()["JobState"]) in {"RUNNING", "COMPLETING"}:
        assert time.monotonic() < end
    assert state == "CANCELLED"


def test_scancel_by_another_hand_fails_the_job(slurm, slurm_endpoint, wait, finish):
    job = wait(slurm.new_job({"Executable": "sleep 600"}), "RUNNING", seconds=PATIENCE)
    other = finish(slurm.new_job({"Executable": f"scancel {job.properties['batchSystemID']}", "Job type": "INTERACTIVE"}))
    assert other.exit_code == 0
    ended = finish(job).properties
    # scancel ends the program and the script around it; where the program is first, the script still notes how it ended.
    assert ended["status"] == "FAILED"
    assert re.match("Failed: Job did not complete normally on BSS|User application exited .* exit code: <143>", ended["statusMessage"])


def test_what_sbatch_refuses_is_said(slurm, finish):
    job = finish(slurm.new_job({"Executable": "date", "Resources": {"NodeConstraints": "nosuch"}}))
    assert job.properties["statusMessage"].startswith("Could not submit job: sbatch: error:")
    assert "Submission 1 of 2 failed" in "\n".join(job.log)


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_the_endpoint_goes_on_with_its_jobs(slurm, slurm_endpoint, wait, finish, read, end):
    job = wait(slurm.new_job({"Executable": f"{HOLD}; hostname"}), "RUNNING", seconds=PATIENCE)
    getattr(slurm_endpoint, end)()
    (slurm_endpoint.folder / "uspace" / job.job_id / "go").touch()
    slurm_endpoint.start()
    again = finish(Job(slurm_endpoint.transport(), job.resource_url), 60)
    assert (again.exit_code, read(again, "stdout")[0]) == (0, "c")


def test_the_users_own_batch_file(slurm, finish, read, tmp_path):
    """It runs before the job's own executable, whose exit code is the job's."""
    (tmp_path / "run.sbatch").write_text("#!/bin/bash\n#SBATCH --output=out\nhostname\n")
    description = {"Job type": "raw", "BSS file": "run.sbatch", "Executable": "bash -c 'exit 4'"}
    job = finish(slurm.new_job(description, inputs=[str(tmp_path / "run.sbatch")]), PATIENCE)
    assert (job.exit_code, read(job, "out")[0]) == (4, "c")


HET = """#!/bin/bash
#SBATCH --nodes=1 --ntasks=1
#SBATCH hetjob
#SBATCH --nodes=1 --ntasks=1
srun --het-group=0,1 uname -n
"""


def test_a_heterogeneous_job_runs_until_it_ends(slurm, wait, finish, read, tmp_path):
    """`squeue` lists it as `ID+0` and `ID+1`; it once counted as ended as soon as it was submitted."""
    (tmp_path / "het.sh").write_text(HET)
    description = {"Job type": "raw", "BSS file": "het.sh", "Executable": HOLD, "Resources": {"Runtime": "5m"}}
    job = wait(slurm.new_job(description, inputs=[str(tmp_path / "het.sh")]), "RUNNING", "FAILED", "SUCCESSFUL", seconds=PATIENCE)
    uspace = job.working_dir
    end = time.monotonic() + 60
    while "begun" not in uspace.listdir():
        assert time.monotonic() < end
        time.sleep(0.5)
    assert job.properties["status"] == "RUNNING"
    other = finish(slurm.new_job({"Executable": f"touch {uspace.properties['mountPoint']}go", "Job type": "INTERACTIVE"}))
    assert other.exit_code == 0
    assert finish(job).exit_code == 0


def test_an_allocation_and_a_task_in_it(slurm, finish, wait, read):
    allocation = slurm.new_job({"Job type": "ALLOCATE", "Resources": TWO_NODES})
    wait(allocation, "RUNNING", "FAILED", seconds=PATIENCE)
    assert allocation.properties["batchSystemID"].isdecimal()
    task = finish(allocation.new_job({"Executable": "srun -n2 hostname"}), 60)
    assert sorted(read(task, "stdout").split()) == ["c1", "c2"]
    assert allocation.properties["status"] == "RUNNING"
    allocation.abort()
    assert finish(allocation).properties["statusMessage"] == "Job aborted."
    again = slurm.new_job({"Executable": f"squeue -h -j {allocation.properties['batchSystemID']} -o %T", "Job type": "INTERACTIVE"})
    assert read(finish(again), "stdout").strip() in {"", "CANCELLED"}


def test_an_allocation_that_cannot_be_had(slurm, finish):
    job = finish(slurm.new_job({"Job type": "ALLOCATE", "Resources": {"NodeConstraints": "nosuch"}}), 60)
    assert job.properties["statusMessage"].startswith("Could not allocate resources: [stdout] salloc: error:")


def test_no_task_without_an_allocation(slurm, finish):
    job = finish(slurm.new_job({}))
    with pytest.raises(httpx.HTTPError, match=r"500 Server Error: .* is not an allocation"):
        slurm.transport.post(url=job.resource_url, json={"Executable": "date"})


def test_users_are_kept_apart_by_their_accounts(slurm, slurm_endpoint, finish, read, other_user):
    secret = finish(slurm.new_job({"Executable": "echo mine > secret"}), PATIENCE)
    path = f"{slurm_endpoint.folder}/uspace/{secret.job_id}"
    look = {"Executable": f"id -un; cat {path}/secret; ls {path}"}
    with httpx.Client(auth=other_user, verify=slurm_endpoint.verify) as other:
        location = other.post(f"{slurm_endpoint.url}/jobs", json=look).headers["Location"]
        end = time.monotonic() + PATIENCE
        while (state := other.get(location).json())["status"] not in {"FAILED", "SUCCESSFUL"}:
            assert time.monotonic() < end, state
        stdout = f"{location.replace('/jobs/', '/storages/')}-uspace/files/stdout"
        assert other.get(stdout, headers={"Accept": "application/octet-stream"}).text == "nobody\n"
