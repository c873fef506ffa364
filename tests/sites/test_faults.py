"""What goes wrong at a real site: one message, the right exit code, nothing half-done, nothing lost."""

import json
import signal
import subprocess

import pytest

from esd_build.reference import ImageReference

pytestmark = pytest.mark.site

FAST = ("--image", "nest:edge", "--nodes", "1")


def test_failing_script_shows_its_traceback_and_exit_code(deploy, published, script) -> None:
    path = script("import sys\ntry:\n    {}['weights']\nexcept KeyError:\n    import traceback; traceback.print_exc(); sys.exit(7)\n")
    finished = deploy("run", str(path), "--site", str(deploy.site_file), *FAST, code=1)
    assert "KeyError: 'weights'" in finished.stderr
    record = json.loads(max((deploy.runs / "runs").glob("*/run.json"), key=lambda found: found.stat().st_mtime).read_text())
    assert record["exit_code"] == 7
    assert record["status"] == "FAILED"


def test_ctrl_c_leaves_the_job_running_and_attach_brings_it_back(deploy, published, script) -> None:
    path = script("import pathlib, time\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.1)\nprint('went')\n")
    command = deploy.command("run", str(path), "--site", str(deploy.site_file), *FAST)
    said = []
    with subprocess.Popen(command, cwd=deploy.runs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            said.append(line)
            if "RUNNING" in line:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130, "".join(said)
    assert "attach" in said[-1], "".join(said)
    record = max((deploy.runs / "runs").glob("*/run.json"), key=lambda found: found.stat().st_mtime)
    run_id = json.loads(record.read_text())["id"]
    assert deploy("cancel", run_id).returncode == 0
    deploy("attach", run_id, code=1)
    assert json.loads(record.read_text())["status"] == "FAILED"


def test_digest_that_the_registry_does_not_have(deploy, published, registry, script) -> None:
    wrong = f"{registry.host}/esd/nest@sha256:{'0' * 64}"
    finished = deploy("run", str(script("pass")), "--site", str(deploy.site_file), "--image", wrong, code=3)
    assert "is not in the registry" in finished.stderr


def test_unknown_tag_offers_the_nearest(deploy, published, script) -> None:
    finished = deploy("run", str(script("pass")), "--site", str(deploy.site_file), "--image", "nest:edgy", code=3)
    assert "did you mean 'edge'?" in finished.stderr


def test_image_damaged_in_the_registry_never_runs(deploy, running_site, registry, as_root, tmp_path, script) -> None:
    image = tmp_path / "small.sif"
    image.write_bytes(b"not a real image, but large enough to be damaged" * 1000)
    pushed = registry.push(image, ImageReference.parse(f"{registry.host}/esd/small:edge"), {})
    stored = running_site.ca_file.parents[1].joinpath(
        "registry", "docker/registry/v2/blobs/sha256", pushed.sif_digest[7:9], pushed.sif_digest[7:], "data"
    )
    stored.write_bytes(stored.read_bytes()[::-1])
    finished = deploy("run", str(script("print('ran')")), "--site", str(deploy.site_file), "--image", str(pushed.reference), code=1)
    assert "pull on login" in finished.stderr
    assert "ran\n" not in finished.stdout
    cached = running_site.scratch / "esd-images"
    assert [path.name for path in cached.glob(f"*{pushed.sif_digest[7:]}*") if path.suffix != ".lock"] == []


def test_time_limit_is_named(deploy, published, script) -> None:
    path = script("import time\ntime.sleep(600)\n")
    finished = deploy("run", str(path), "--site", str(deploy.site_file), *FAST, "--time", "5", code=1)
    assert "time limit" in finished.stderr.lower()


def test_site_that_is_not_up(deploy, script, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(deploy.site_file.read_text().replace("/esd-localsite/", "/esd-localsite/none-of-this-name-"))
    finished = deploy("run", str(script("pass")), "--site", str(elsewhere), "--image", "nest", code=4)
    assert "esd-deploy local up" in finished.stderr


def test_script_that_is_missing(deploy, tmp_path) -> None:
    finished = deploy("run", str(tmp_path / "none.py"), "--site", str(deploy.site_file), "--image", "nest", code=3)
    assert "none.py: No such file or directory" in finished.stderr
