"""`node.sh`: what it takes for leftovers is of its own job only."""

import importlib.resources
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = importlib.resources.files("esd_deploy.validation") / "job" / "node.sh"
_HOLD = """import mmap, sys
file = open(sys.argv[1], "wb+")
file.truncate(4096)
held = mmap.mmap(file.fileno(), 4096)
print(flush=True)
sys.stdin.read()
"""


def told(job, folder, key):
    """The words that the script, as a step of a job, says for a key."""
    environment = {**os.environ, "SLURM_JOB_ID": job, "SLURM_STEP_ID": "7", "ESD_IMAGE_REFERENCE": "127.0.0.1:1/x"}
    printed = subprocess.run(("bash", str(SCRIPT)), env=environment, cwd=folder, capture_output=True, text=True, check=True).stdout
    return next(line.split("\t")[2].split() for line in printed.splitlines() if line.split("\t")[1] == key)


@pytest.mark.integration
def test_memory_that_another_job_of_the_user_shares_is_not_left_over(tmp_path):
    name = f"esd-test-{os.getpid()}"
    environment = {**os.environ, "SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0"}
    holder = ("python3", "-c", _HOLD, f"/dev/shm/{name}")
    try:
        with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True) as other:
            other.stdout.readline()
            theirs, ours = told("2", tmp_path, "shared_memory"), told("1", tmp_path, "shared_memory")
            other.stdin.close()
        left = told("2", tmp_path, "shared_memory")
    finally:
        Path(f"/dev/shm/{name}").unlink(missing_ok=True)

    assert (name in theirs, name in ours, name in left) == (False, True, True)
