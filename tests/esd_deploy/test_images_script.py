"""images.sh as a shell program: the image cache of a login node, listed, checked, tidied up."""

import hashlib
import importlib.resources
import os
import subprocess
import time

import pytest

from esd_deploy.image_cache import understood

pytestmark = pytest.mark.integration
SCRIPT = importlib.resources.files("esd_deploy") / "job" / "images.sh"
CONTENTS = (b"one image", b"another image")
DIGESTS = tuple(hashlib.sha256(content).hexdigest() for content in CONTENTS)
DAY_S = 86400


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for digest, content in zip(DIGESTS, CONTENTS, strict=True):
        (folder / f"{digest}.sif").write_bytes(content)
    return folder


def states(cache, action, keep_days=30):
    environment = {
        "PATH": os.environ["PATH"],
        "SCRATCH": str(cache.parent),
        "ESD_SCRATCH_VARIABLE": "SCRATCH",
        "ESD_IMAGE_CACHE": cache.name,
        "ESD_ACTION": action,
        "ESD_KEEP_DAYS": str(keep_days),
    }
    text = subprocess.run(("bash", str(SCRIPT)), env=environment, check=True, capture_output=True, text=True, timeout=30).stdout
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
