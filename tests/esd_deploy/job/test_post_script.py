"""post.sh as a shell program."""

import importlib.resources
import json
import subprocess
from pathlib import Path

import pytest

from esd_deploy.runs.results import MANIFEST, parse_manifest

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "esd").mkdir()
    for name in ("post.sh", "inventory.sh"):
        (tmp_path / "esd" / name).write_bytes((JOB / name).read_bytes())
    return tmp_path


def run(job: Path, program_ended: str, post: str) -> Path:
    """The job's folder after post.sh, which ends with 0 and prints nothing, whatever becomes of the script."""
    (job / "esd" / "ended").write_text(program_ended)
    (job / "esd" / "launch.sh").write_text(f"prepare() {{ true; }}\npost() {{ {post}; }}\n")
    done = subprocess.run(("bash", "esd/post.sh"), cwd=job, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return job


@pytest.mark.parametrize("ended", ["41 0 0\n", "login 0 0\n"])
@pytest.mark.parametrize("code", [0, 3])
def test_output_and_exit_code_are_kept_and_its_files_are_noted(job, ended, code):
    folder = run(job, ended, f"echo drawn; echo odd >&2; echo x > plot.txt; return {code}")

    assert json.loads((folder / "esd/post.json").read_text())["exit_code"] == code
    assert ((folder / "esd/post.stdout").read_text(), (folder / "esd/post.stderr").read_text()) == ("drawn\n", "odd\n")
    assert {"plot.txt", "esd/post.stdout"} <= parse_manifest((folder / MANIFEST).read_bytes()).keys()


@pytest.mark.parametrize("ended", ["41 0 7\n", ""])
def test_it_does_not_run_after_a_program_that_failed(job, ended):
    assert not (run(job, ended, "echo drawn") / "esd/post.json").exists()
