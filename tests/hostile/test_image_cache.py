"""A neighbour in the same scratch folder: what runs is what was asked for, whatever they put there, and they lose nothing of ours."""

import importlib.resources
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.esd_deploy.job.test_job_scripts import IMAGE, SHA256, Login

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
NOBODY = 65534
EVIL = IMAGE[::-1]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play a neighbour")


@pytest.fixture
def login(tmp_path) -> Login:
    place = Login(tmp_path)
    (tmp_path / "scratch").chmod(0o777)
    return place


def neighbours(path: Path) -> None:
    """Give it to the neighbour."""
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


def link(job: Path) -> Path:
    return job / "esd" / "image.sif"


def test_a_file_of_the_right_name_and_size_is_not_believed(login):
    login.run(login.job("one"))
    (login.cache / f"{SHA256}.sif").chmod(0o644)
    (login.cache / f"{SHA256}.sif").write_bytes(EVIL)
    second = login.job("two")

    assert login.run(second) == (0, "")
    assert (link(second).read_bytes(), login.calls) == (IMAGE, 2)


@as_root
def test_a_file_of_somebody_else_is_replaced_even_if_it_is_the_right_one(login):
    login.cache.mkdir(mode=0o700)
    (login.cache / f"{SHA256}.sif").write_bytes(IMAGE)
    neighbours(login.cache / f"{SHA256}.sif")

    assert login.run(login.job("one")) == (0, "")
    assert (login.cache / f"{SHA256}.sif").stat().st_uid == os.geteuid()


@as_root
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_folder_that_the_neighbour_made_in_our_name_is_refused(login, kind):
    trap = login.root / "trap"
    (trap if kind == "link" else login.cache).mkdir(mode=0o777)
    if kind == "link":
        login.cache.symlink_to(trap)
    for path in {trap, login.cache}:
        if path.is_symlink() or path.exists():
            neighbours(path)
    job = login.job("one")

    code, errors = login.run(job)

    assert (code, "is no folder of your own" in errors, link(job).exists()) == (1, True, False)


def test_a_lock_that_is_a_link_empties_nothing(login):
    """The old, shared folder was open to all: whoever laid a link there had the file that it leads to emptied."""
    mine = login.root / "thesis.txt"
    mine.write_text("three years of work")
    shared = login.root / "scratch" / "images"
    shared.mkdir(mode=0o777)
    (shared / f"{SHA256}.lock").symlink_to(mine)

    login.run(login.job("one"))

    assert mine.read_text() == "three years of work"


def test_the_folder_is_closed_to_all_others_whatever_the_umask(login):
    login.cache.mkdir(mode=0o777)
    login.cache.chmod(0o777)
    before = os.umask(0)
    try:
        login.run(login.job("one"))
    finally:
        os.umask(before)

    assert login.cache.stat().st_mode & 0o777 == 0o700
    assert (login.cache / f"{SHA256}.sif").stat().st_mode & 0o222 == 0


@as_root
def test_nobody_is_shut_out_by_the_umask_of_whoever_came_first(login):
    (login.root / "scratch" / f"images-{NOBODY}").mkdir(mode=0o700)
    neighbours(login.root / "scratch" / f"images-{NOBODY}")

    assert login.run(login.job("one")) == (0, "")


def test_the_job_keeps_its_image_whatever_is_renamed_in_the_scratch_folder(login):
    job = login.job("one")
    login.run(job)
    login.cache.rename(login.cache.with_name("away"))
    login.cache.mkdir()
    (login.cache / f"{SHA256}.sif").write_bytes(EVIL)

    assert link(job).read_bytes() == IMAGE


def digest(login: Login, job: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        ("bash", "esd/digest.sh"), cwd=job, env=login.environment, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_the_node_says_what_it_read_and_refuses_another_file(login):
    job = login.job("one")
    login.run(job)
    assert digest(login, job) == (0, f"{os.uname().nodename} {SHA256}\n", "")

    link(job).unlink()
    link(job).write_bytes(EVIL)
    code, told, errors = digest(login, job)

    assert (code, SHA256 in told, "the registry promised" in errors) == (1, False, True)


@pytest.mark.parametrize("way", ["mode", pytest.param("owner", marks=as_root)])
def test_the_node_refuses_a_file_that_others_can_change(login, way):
    job = login.job("one")
    copy = login.root / "copy.sif"
    copy.write_bytes(IMAGE)
    link(job).symlink_to(copy)
    if way == "mode":
        copy.chmod(0o666)
    else:
        neighbours(copy)

    code, _, errors = digest(login, job)

    assert (code, "others could change it" in errors) == (1, True)


def test_a_job_whose_node_reads_another_image_does_not_run(login):
    job = login.job("one")
    login.run(job)
    steps = dict.fromkeys(("activate", "prepare", "spread", "wireup", "versions"), "true")
    text = {**steps, "digests": "bash esd/digest.sh", "program": "touch ran"}
    (job / "esd" / "launch.sh").write_text("".join(f"{name}() {{ {line}; }}\n" for name, line in text.items()))
    link(job).unlink()
    link(job).write_bytes(EVIL)

    code, errors = login.run(job, "job.sh")

    assert (code, "not the one that was asked for" in errors, (job / "ran").exists()) == (1, True, False)


@as_root
@pytest.mark.parametrize(("mode", "reliable"), [(0o755, True), (0o775, False)])
def test_a_shared_folder_counts_where_only_its_keeper_can_write(login, mode, reliable):
    """pytest's own folders are closed to others, and root's; the keeper is nobody."""
    shared = login.root / "scratch" / "images"
    shared.mkdir()
    (shared / f"{SHA256}.sif").write_bytes(IMAGE)
    neighbours(shared / f"{SHA256}.sif")
    neighbours(shared)
    shared.chmod(mode)
    (login.root / "scratch").chmod(0o755)
    login.environment["ESD_IMAGE_CACHE_KEEPER"] = "nobody"
    job = login.job("one")

    assert login.run(job) == (0, "")
    assert (link(job).is_symlink(), login.calls) == ((True, 0) if reliable else (False, 1))
    assert link(job).read_bytes() == IMAGE


def test_the_keeper_is_no_way_to_run_a_command(login):
    login.environment["ESD_IMAGE_CACHE_KEEPER"] = "$(touch evil)"
    job = login.job("one")

    code, errors = login.run(job)

    assert (code, "there is no account" in errors, (job / "evil").exists()) == (1, True, False)


def test_a_script_for_sbatch_checks_what_it_runs(planned, config, image):
    from esd_deploy.plans import launch

    text = launch.batch_script(config, planned.shape, planned.command, image=image, time_s=60)

    assert f"echo '{image.sif_digest.removeprefix('sha256:')}  esd/image.sif' | sha256sum --check --quiet" in text
    assert shlex.split(text, comments=True)
