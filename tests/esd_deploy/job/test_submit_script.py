"""submit.sh as a shell program, with a fake Slurm on the PATH."""

import importlib.resources
import os
import signal
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
SCRIPT = importlib.resources.files("esd_deploy") / "job" / "submit.sh"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "esd").mkdir()
    (tmp_path / "bin").mkdir()
    fake(tmp_path, "scontrol", "echo JobId=7 JobState=FAILED")
    fake(tmp_path, "scancel", 'echo "$@" > "$FAKE/cancelled"')
    return tmp_path


def fake(job: Path, name: str, text: str) -> None:
    (job / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
    (job / "bin" / name).chmod(0o755)


def start(job: Path, **variables: str) -> subprocess.Popen[str]:
    environment = {"PATH": f"{job}/bin:{os.environ['PATH']}", "FAKE": str(job), **variables}
    pipe = subprocess.PIPE
    return subprocess.Popen(("bash", SCRIPT), cwd=job, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def test_the_batch_jobs_exit_code_and_output_are_the_jobs(job):
    fake(job, "sbatch", "echo 7; echo out > esd/batch.stdout; echo err > esd/batch.stderr; exit 5")
    with start(job) as process:
        assert process.communicate(timeout=30) == ("out\n", "err\n")
    assert process.returncode == 5
    assert (job / "esd/batch.details").read_text() == "JobId=7 JobState=FAILED\n"
    assert not (job / "cancelled").exists()


@pytest.mark.parametrize(("state", "code"), [("CANCELLED Reason=DependencyNeverSatisfied", 1), ("NODE_FAIL", 1), ("COMPLETED", 0)])
def test_a_job_that_slurm_ended_before_it_began_is_no_success(job, state, code):
    fake(job, "sbatch", "echo 7")
    fake(job, "scontrol", f"echo JobId=7 JobState={state}")
    with start(job) as process:
        process.communicate(timeout=30)
    assert process.returncode == code


def test_an_sbatch_that_refuses_says_why(job):
    fake(job, "sbatch", "echo 'no such partition' >&2; exit 1")
    with start(job) as process:
        assert "sbatch: error: no such partition" in process.communicate(timeout=30)[1]
    assert process.returncode == 1


SILENT = "echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2; exit 1"


@pytest.mark.parametrize(("ended", "code"), [("9 0 5", 5), ("8 0 0", 1), ("", 1)])
def test_a_job_that_was_taken_though_sbatch_gave_up_is_followed_and_none_is_submitted_again(job, ended, code):
    """squeue fails twice, tells the job twice, then no more."""
    fake(job, "sbatch", f'echo once >> "$FAKE/submitted"; {SILENT}')
    note = f"echo {ended} > esd/ended" if ended else ":"
    over = f"*) echo 9 > esd/claim; echo out > esd/batch.stdout; {note} ;;"
    counted = 'n=$(cat "$FAKE/asked" 2>/dev/null || echo 0); echo $((n + 1)) > "$FAKE/asked"'
    fake(job, "squeue", f"{counted}\ncase $n in 0 | 1) exit 1 ;; 2 | 3) printf '8\\n9\\n' ;; {over} esac")
    with start(job, ESD_LOOK_S="0.01") as process:
        out, errors = process.communicate(timeout=60)

    assert (process.returncode, out) == (code, "out\n")
    assert "Slurm has taken batch job 9; it is followed" in errors
    assert (job / "submitted").read_text() == "once\n"
    assert not (job / "esd" / "over").exists()


def test_a_job_that_ended_while_the_controller_was_silent_is_found_by_its_claim(job):
    (job / "esd" / "claim").write_text("9\n")
    (job / "esd" / "ended").write_text("9 0 0\n")
    fake(job, "sbatch", SILENT)
    fake(job, "squeue", "true")
    with start(job, ESD_LOOK_S="0.01") as process:
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_where_no_job_was_taken_none_will_begin_any_more(job):
    fake(job, "sbatch", SILENT)
    fake(job, "squeue", "true")
    with start(job, ESD_LOOK_S="0.01") as process:
        assert "Socket timed out" in process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert (job / "esd" / "over").exists()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_the_batch_job_is_cancelled_with_the_job_however_it_is_killed(job, by):
    os.mkfifo(job / "begun")
    os.mkfifo(job / "cancelled")  # reading it waits for scancel
    fake(job, "sbatch", 'echo go > "$FAKE/begun"; exec sleep 60')
    with start(job) as process:
        (job / "begun").read_text()
        os.killpg(process.pid, by)
        if by == signal.SIGKILL:
            process.wait(timeout=30)  # the guard takes a zombie for alive
        assert f"--name=esd-{job.name}" in (job / "cancelled").read_text()
