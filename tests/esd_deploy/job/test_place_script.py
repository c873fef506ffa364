"""place.sh as a shell program: a deposited image in the user's cache, where pull.sh finds it."""

import hashlib
import importlib.resources
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
SIF = b"an image\n" * 1000
NAME = hashlib.sha256(SIF).hexdigest()


@pytest.fixture
def place(tmp_path):
    """Runs the script in a new job's folder, with the image or without; exit code, output, errors."""
    (tmp_path / "scratch").mkdir()
    jobs = iter(range(9))

    def act(sent=None):
        folder = tmp_path / f"job-{next(jobs)}"
        (folder / "esd").mkdir(parents=True)
        for name in ("place.sh", "cache.sh"):
            shutil.copy(JOB / name, folder / "esd" / name)
        if sent is not None:
            (folder / "esd" / "image.sif").write_bytes(sent)
        variables = {"ESD_IMAGE_SHA256": NAME, "ESD_IMAGE_SIZE": str(len(SIF)), "ESD_IMAGE_CACHE": "images"}
        here = {"ESD_SCRATCH_VARIABLE": "SCRATCH", "SCRATCH": str(tmp_path / "scratch"), "PATH": os.environ["PATH"]}
        command = ("bash", "esd/place.sh")
        done = subprocess.run(command, cwd=folder, env={**variables, **here}, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip(), done.stderr

    return act


@pytest.fixture
def cached(tmp_path):
    return tmp_path / "scratch" / f"images-{os.getuid()}" / f"{NAME}.sif"


def test_it_is_absent_then_sent_then_present(place, cached):
    assert place() == (0, "absent", "")
    assert place(SIF) == (0, "present", "")
    assert cached.read_bytes() == SIF
    assert oct(cached.stat().st_mode & 0o777) == "0o444"
    assert place() == (0, "present", "")


def test_another_image_than_the_records_is_refused(place, cached):
    code, out, err = place(SIF[:-1] + b"x")

    assert (code, out, cached.exists()) == (1, "", False)
    assert "another hash than the run's record" in err
    assert [path.name for path in cached.parent.iterdir()] == [f"{NAME}.lock"]


def test_a_damaged_image_in_the_cache_is_replaced(place, cached):
    place(SIF)
    cached.chmod(0o644)
    cached.write_bytes(SIF[:10])

    assert place()[1] == "absent"
    assert place(SIF)[1] == "present"
    assert cached.read_bytes() == SIF


def test_a_file_that_others_may_write_does_not_count(place, cached):
    place(SIF)
    cached.chmod(0o666)

    assert place()[1] == "absent"
