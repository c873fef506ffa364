"""What goes wrong at a real site: one message, the right exit code, nothing half-done, nothing lost."""

import json
import pwd
import re
import signal
import subprocess
from pathlib import Path

import pytest

from esd_build.data.reference import ImageReference
from esd_deploy.runs.site import Site
from esd_localsite.faults.board import Fault, FaultBoard, FaultKind
from esd_localsite.state.layout import find_layout
from esd_localsite.state.status import SiteStatus
from esd_localsite.supervision.fault_switches import clear, inject

pytestmark = pytest.mark.site

FAST = ("--image", "nest:edge", "--nodes", "1")


def cache_of(site: SiteStatus) -> Path:
    """Where the job user keeps images."""
    return site.scratch / f"esd-images-{pwd.getpwnam(site.username).pw_uid}"


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
    cached = cache_of(running_site)
    assert [path.name for path in cached.glob(f"*{pushed.sif_digest[7:]}*") if path.suffix != ".lock"] == []


@pytest.fixture
def mended(running_site, as_root):
    """The site's name; all faults are switched off afterwards."""
    yield running_site.name
    clear(running_site.name)


def test_disk_quota_that_is_used_up_is_told_at_once_and_the_run_is_taken_up_later(deploy, published, script, mended, own_server) -> None:
    path = script("open('result.txt', 'w').write('done')\n")
    inject(mended, Fault(kind=FaultKind.DISK_QUOTA))

    finished = deploy("submit", str(path), "--site", str(deploy.site_file), *FAST, "--tag", "quota", code=4)

    assert "your space at the site is used up" in finished.stderr
    assert "Disk quota exceeded" in finished.stderr
    (record,) = json.loads(deploy("list", "--tag", "quota", "--json").stdout)
    assert f"esd-deploy attach {record['id']}" in finished.stderr
    clear(mended)
    ended = json.loads(deploy("attach", record["id"], "--json").stdout)
    assert (ended["status"], ended["job"]["url"], (deploy.folder(record) / "result.txt").read_text()) == (
        "SUCCESSFUL", record["job"]["url"], "done",
    )  # fmt: skip
    place = Site.load(str(deploy.site_file))
    assert place.connect().find(record["id"]) == [record["job"]["url"]]


def test_image_that_finds_no_room_is_named_with_what_it_needs(deploy, published, script, mended) -> None:
    """The uploads still fit; the scratch folder, which lost its cache, has 16 MB."""
    path = script("open('result.txt', 'w').write('done')\n")
    inject(mended, Fault(kind=FaultKind.DISK_QUOTA, times=1, megabytes=16))
    FaultBoard(find_layout(mended).faults).switch_off(FaultKind.DISK_QUOTA)

    record = deploy.run(path, *FAST, code=1)

    assert record["ending"]["kind"] == "image not pulled"
    assert re.search(
        rf"disk full: 16 MB free in .*/esd-images-\d+, the image has {published.size // 10**6} MB", record["ending"]["because"]
    )
    clear(mended)
    again = json.loads(deploy("rerun", record["id"], "--json").stdout)
    assert (again["status"], again["rerun_of"]) == ("SUCCESSFUL", record["id"])


def test_damaged_image_in_the_cache_is_named_removed_and_pulled_anew(deploy, running_site, published, as_root, script) -> None:
    digest = published.sif_digest.removeprefix("sha256:")
    path = script("pass")
    deploy.run(path, *FAST)
    cached = cache_of(running_site) / f"{digest}.sif"
    with cached.open("r+b") as image:
        image.seek(published.size // 2)
        image.write(b"one wrong byte, or some")

    finished = deploy("images", str(deploy.site_file), "--check", code=1)

    assert f"sha256:{digest}" in finished.stderr
    assert "damaged, removed" in finished.stdout
    assert "nest:edge" in finished.stdout
    assert not cached.exists()
    assert deploy.run(path, *FAST)["pull"]["downloaded"] is True
    assert "damaged" not in deploy("images", str(deploy.site_file), "--check").stdout


def test_time_limit_is_named(deploy, published, script) -> None:
    path = script("import time\ntime.sleep(600)\n")
    finished = deploy("run", str(path), "--site", str(deploy.site_file), *FAST, "--time", "5", code=1)
    assert "time limit" in finished.stderr.lower()


def test_site_that_is_not_up(deploy, script, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(deploy.site_file.read_text().replace("/esd-localsite/", "/esd-localsite/none-of-this-name-"))
    finished = deploy("run", str(script("pass")), "--site", str(elsewhere), "--image", "nest", code=4)
    assert "esd-deploy local up" in finished.stderr


def test_script_that_is_missing_is_told_before_the_site_is_asked(deploy, tmp_path) -> None:
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(deploy.site_file.read_text().replace("/esd-localsite/", "/esd-localsite/none-of-this-name-"))
    finished = deploy("run", str(tmp_path / "none.py"), "--site", str(elsewhere), "--image", "nest", code=3)
    assert "none.py: No such file or directory" in finished.stderr
