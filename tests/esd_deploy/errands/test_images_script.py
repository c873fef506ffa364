"""images.sh as a shell program: the image cache of a login node, listed, checked, tidied up."""

import hashlib
import importlib.resources
import os
import subprocess
import time

import pytest

from esd_deploy.errands.image_cache import understood

pytestmark = pytest.mark.integration
SCRIPT = importlib.resources.files("esd_deploy") / "job" / "images.sh"
CONTENTS = (b"one image", b"another image")
DIGESTS = tuple(hashlib.sha256(content).hexdigest() for content in CONTENTS)
DAY_S = 86400


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / f"images-{os.getuid()}"
    folder.mkdir()
    (tmp_path / "esd").mkdir()
    (tmp_path / "esd" / "cache.sh").write_bytes((importlib.resources.files("esd_deploy") / "job" / "cache.sh").read_bytes())
    for digest, content in zip(DIGESTS, CONTENTS, strict=True):
        (folder / f"{digest}.sif").write_bytes(content)
    return folder


def states(cache, action, keep_days=30, programs=""):
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}" if programs else os.environ["PATH"],
        "SCRATCH": str(cache.parent),
        "ESD_SCRATCH_VARIABLE": "SCRATCH",
        "ESD_IMAGE_CACHE": "images",
        "ESD_ACTION": action,
        "ESD_KEEP_DAYS": str(keep_days),
    }
    text = subprocess.run(
        ("bash", str(SCRIPT)), cwd=cache.parent, env=environment, check=True, capture_output=True, text=True, timeout=30
    ).stdout
    return {one.sha256: one.state for one in understood(text).images}


def images(cache):
    return {path.stem for path in cache.glob("*.sif")}


def test_an_image_with_one_wrong_byte_is_found_and_removed(cache):
    (cache / f"{DIGESTS[0]}.sif").write_bytes(CONTENTS[0][:-1] + b"!")

    assert states(cache, "check") == {DIGESTS[0]: "damaged, removed", DIGESTS[1]: "whole"}
    assert images(cache) == {DIGESTS[1]}


def test_a_list_only_looks(cache):
    (cache / f"{DIGESTS[0]}.sif").write_bytes(b"damaged")

    assert states(cache, "list") == dict.fromkeys(DIGESTS, "kept")
    assert images(cache) == set(DIGESTS)


def test_what_nobody_used_goes_and_what_is_being_pulled_stays(cache):
    for digest in DIGESTS:
        os.utime(cache / f"{digest}.sif", (time.time() - 31 * DAY_S,) * 2)
    with subprocess.Popen(("flock", str(cache / f"{DIGESTS[0]}.lock"), "cat"), stdin=subprocess.PIPE) as pull:
        while subprocess.run(("flock", "-n", str(cache / f"{DIGESTS[0]}.lock"), "true"), check=False).returncode == 0:
            pass

        assert states(cache, "gc") == {DIGESTS[0]: "in use", DIGESTS[1]: "removed"}
        pull.stdin.close()
    assert images(cache) == {DIGESTS[0]}


def test_what_was_used_lately_is_kept(cache):
    assert states(cache, "gc", keep_days=1) == dict.fromkeys(DIGESTS, "kept")


@pytest.fixture
def program(tmp_path):
    """Puts a program of this test's own before the real one; the folder for PATH."""

    def put(name, text):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
        return folder

    return put


def damage(cache):
    (cache / f"{DIGESTS[0]}.sif").write_bytes(b"damaged")


def test_what_cannot_be_read_is_told_and_kept(cache):
    (cache / f"{DIGESTS[0]}.sif").unlink()
    (cache / f"{DIGESTS[0]}.sif").mkdir()

    assert states(cache, "check") == {DIGESTS[0]: "unreadable (Is a directory)", DIGESTS[1]: "whole"}
    assert images(cache) == set(DIGESTS)


def test_a_disk_that_fails_is_no_damage(cache, program):
    failing = program("sha256sum", 'printf "sha256sum: %s: Input/output error\\n" "$1" >&2; exit 1')

    assert states(cache, "check", programs=failing) == dict.fromkeys(DIGESTS, "unreadable (Input/output error)")
    assert images(cache) == set(DIGESTS)


def test_what_somebody_else_removed_meanwhile_is_no_error(cache, program):
    late = program("sha256sum", 'rm "$1"; PATH=${PATH#*:} exec sha256sum "$1"')

    assert states(cache, "check", programs=late) == dict.fromkeys(DIGESTS, "gone")


@pytest.mark.parametrize(("action", "state"), [("check", "damaged, not removed"), ("gc", "not removed")])
def test_what_cannot_be_removed_stays_in_the_list(cache, program, action, state):
    damage(cache)
    os.utime(cache / f"{DIGESTS[0]}.sif", (time.time() - 31 * DAY_S,) * 2)

    assert states(cache, action, programs=program("rm", "exit 1"))[DIGESTS[0]] == state


@pytest.mark.parametrize(("action", "state"), [("check", "not checked: no lock"), ("gc", "not removed: no lock")])
def test_without_a_lock_nothing_is_touched(cache, action, state):
    damage(cache)
    (cache / f"{DIGESTS[0]}.lock").mkdir()

    assert states(cache, action)[DIGESTS[0]] == state
    assert images(cache) == set(DIGESTS)


def test_an_image_that_a_job_took_before_the_lock_was_free_is_kept(cache, program):
    first, second = sorted(DIGESTS)
    for digest in DIGESTS:
        os.utime(cache / f"{digest}.sif", (time.time() - 31 * DAY_S,) * 2)
    pulled = program("flock", f'touch {first}.sif; PATH=${{PATH#*:}} exec flock "$@"')

    assert states(cache, "gc", programs=pulled) == {first: "kept", second: "removed"}


def test_what_no_pull_has_put_there_is_left_alone(cache):
    (cache / "mine.sif").write_bytes(b"mine")

    assert set(states(cache, "check")) == set(DIGESTS)
    assert (cache / "mine.sif").is_file()


def test_packages_that_no_run_has_used_for_long_are_removed_with_broken_installations(cache):
    names = [f"packages-{letter * 32}" for letter in "ab"]
    for name in names:
        (cache / name / "pandas").mkdir(parents=True)
        (cache / f"{name}.sums").write_text("")
    broken = cache / f".{names[0]}.abc123"
    broken.mkdir()
    old = time.time() - 40 * DAY_S
    for path in (cache / f"{names[0]}.sums", broken):
        os.utime(path, (old, old))

    states(cache, "list")
    assert (cache / names[0]).exists()
    states(cache, "gc")

    assert sorted(path.name for path in cache.glob("*packages-*")) == [names[1], f"{names[1]}.sums"]
    assert not broken.exists()
