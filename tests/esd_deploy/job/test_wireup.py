"""wireup.py as it runs inside an image, with an MPI of this test's own: a world of one process."""

import importlib.resources
import importlib.util
import json
import os
import subprocess
import sys
import time

import pytest

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
MPI = """
import os
class COMM_WORLD:
    size, rank = 1, int(os.environ["SLURM_PROCID"])
    gather = staticmethod(lambda name, root: [name])
class MPI:
    COMM_WORLD = COMM_WORLD
"""
REPORT = "import json, os\nfrom pathlib import Path\nPath('esd/versions.json').write_text(json.dumps(dict(os.environ)))\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "esd").mkdir()
    (tmp_path / "mpi4py.py").write_text(MPI)
    (tmp_path / "esd" / "wireup.py").write_bytes((JOB / "wireup.py").read_bytes())
    (tmp_path / "esd" / "versions.py").write_text(REPORT)
    return tmp_path


def wireup(folder, *, ranks=1, rank=0):
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(folder), "SLURM_PROCID": str(rank), "PMIX_RANK": str(rank), "PMIX_VERSION": "4.2.2",
    }  # fmt: skip
    command = (sys.executable, "esd/wireup.py", str(ranks))
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_the_first_rank_reads_the_versions_as_a_process_that_belongs_to_no_job_step(folder):
    assert wireup(folder).returncode == 0

    assert json.loads((folder / "esd" / "wireup.json").read_text())["size"] == 1
    seen = json.loads((folder / "esd" / "versions.json").read_text())
    assert ("PMIX_RANK" in seen, "SLURM_PROCID" in seen, seen["PMIX_VERSION"]) == (False, False, "4.2.2")


def test_another_rank_reads_none(folder):
    assert wireup(folder, rank=1).returncode == 0
    assert not (folder / "esd" / "versions.json").exists()


def test_versions_that_cannot_be_read_are_no_failure_of_the_wireup(folder):
    (folder / "esd" / "versions.py").write_text("raise SystemExit('no library')")

    assert (wireup(folder).returncode, wireup(folder).stderr) == (0, "")


def test_ranks_that_do_not_find_each_other_are_an_error(folder):
    ended = wireup(folder, ranks=4)

    assert (ended.returncode, "but 4 were launched: MPI did not reach PMIx" in ended.stderr) == (1, True)
    assert not (folder / "esd" / "wireup.json").exists()


def test_an_error_waits_for_no_versions(folder):
    (folder / "esd" / "versions.py").write_text("import time; time.sleep(600)")
    began = time.monotonic()

    assert wireup(folder, ranks=4).returncode == 1
    assert time.monotonic() - began < 10


@pytest.fixture
def module():
    spec = importlib.util.spec_from_file_location("wireup", str(JOB / "wireup.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_report_that_takes_for_ever_is_ended(module):
    with subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)")) as endless:
        module.end_versions(endless, 0.05)

        assert endless.returncode == -9


def test_ranks_that_found_each_other_in_time_have_time_left_for_the_versions(module, config):
    for wireup_s in (1, 120):
        limit = launch.wireup(config.model_copy(update={"wireup_s": wireup_s}), Shape(), contained=True).argv[2]

        assert int(limit) - module._VERSIONS_S >= wireup_s + 5
