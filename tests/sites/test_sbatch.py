"""`submit: sbatch`: the published form, a login-node job that calls `sbatch --wait`. The end of the run is the end of the batch job."""

import json
import os
import subprocess
import time
from dataclasses import replace

import pytest

pytestmark = pytest.mark.site

IMAGE = ("--image", "nest:edge")
WAIT_S = 60
ENDINGS = {0: "succeeded", 7: "failed"}


@pytest.fixture(scope="module")
def by_sbatch(deploy, published):
    """The session's site, whose server submits no batch jobs."""
    site_file = deploy.runs / "by-sbatch.yaml"
    site_file.write_text(deploy.site_file.read_text() + "\nsubmit: sbatch\n")
    return replace(deploy, site_file=site_file)


@pytest.fixture
def slurm(running_site):
    """One of Slurm's commands at the site: what it printed."""

    def call(*argv):
        environment = {**os.environ, "SLURM_CONF": str(running_site.slurm_conf)}
        return subprocess.run(argv, env=environment, check=True, capture_output=True, text=True, timeout=WAIT_S).stdout

    return call


def batch_jobs(slurm, record):
    """State and exit code of the batch jobs of a run; they bear the name of the job's folder."""
    name = "esd-" + record["job"]["url"].rpartition("/")[2]
    return [tuple(line.split()) for line in slurm("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%T").splitlines()]


def until_batch_job_is(states, slurm, record):
    deadline = time.monotonic() + WAIT_S
    while batch_jobs(slurm, record) not in [[(state,)] for state in states]:
        assert time.monotonic() < deadline, batch_jobs(slurm, record)
        time.sleep(0.2)


@pytest.mark.parametrize("code", ENDINGS)
def test_the_exit_code_is_the_programs_and_all_comes_back(by_sbatch, slurm, script, code):
    text = f"import sys\nopen('result.txt', 'w').write('done')\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit({code})\n"

    record = by_sbatch.run(script(text), *IMAGE, "--nodes", "2", code=1 if code else 0)

    assert (record["exit_code"], record["ending"]["kind"], record["ranks"]) == (code, ENDINGS[code], 2)
    folder = by_sbatch.folder(record)
    said = (folder / "stdout").read_text()
    assert said == "out\nout\n" or (code and said == "out\n")  # the first rank that fails ends the other
    assert (folder / "result.txt").read_text() == "done"
    assert "err\n" in (folder / "stderr").read_text()
    assert {file["path"] for file in record["files"] if file["checked"]} >= {"result.txt"}
    assert record["versions"]["NEST"]
    assert batch_jobs(slurm, record) == [("FAILED" if code else "COMPLETED",)]


def test_a_cancelled_run_leaves_no_batch_job(by_sbatch, slurm, script):
    path = script("import time\ntime.sleep(600)\n")
    run_id = by_sbatch("submit", str(path), "--site", str(by_sbatch.site_file), *IMAGE).stdout.split()[-1]
    record = json.loads((by_sbatch.runs / "runs" / run_id / "run.json").read_text())
    until_batch_job_is({"RUNNING"}, slurm, record)

    by_sbatch("cancel", run_id)
    ended = json.loads(by_sbatch("attach", run_id, "--json", code=1).stdout)

    assert (ended["status"], ended["ending"]["kind"]) == ("FAILED", "cancelled")
    # The server calls the run ended at once; its program, or the guard that it leaves, then tells Slurm.
    # Its node may take long to tidy up (COMPLETING).
    until_batch_job_is({"COMPLETING", "CANCELLED"}, slurm, record)


@pytest.mark.long
def test_a_time_limit_is_told_from_what_slurm_said(by_sbatch, slurm, script):
    """Takes up to two minutes: Slurm counts time limits in minutes."""
    record = by_sbatch.run(script("import time\ntime.sleep(600)\n"), *IMAGE, "--time", "5", code=1)

    assert (record["ending"]["kind"], record["job"]["details"]["JobState"]) == ("time limit", "TIMEOUT")
    assert batch_jobs(slurm, record) == [("TIMEOUT",)]


def test_what_sbatch_refuses_is_told_with_its_reason(by_sbatch, script):
    record = by_sbatch.run(script("pass"), *IMAGE, "--partition", "none-of-this-name", code=1)

    assert record["ending"]["kind"] == "not submitted"
    assert "invalid partition" in record["ending"]["because"]
