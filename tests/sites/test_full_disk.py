"""The disk with the users' jobs runs full, while a run is sent and while its program writes. The server's own: test_unicorex_faults.py."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.sites.conftest import Deploy
from tests.sites.test_unicorex import processes

from esd_localsite.state import lock
from esd_localsite.state.layout import Layout
from esd_localsite.state.status import SiteStatus

pytestmark = [pytest.mark.site, pytest.mark.long, pytest.mark.usefixtures("as_root", "published")]
SIZE = 40_000_000
IMAGE = ("--image", "nest:edge")


def command(*words: object) -> str:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def filling(running_site: SiteStatus, tmp_path: Path) -> Iterator[Path]:
    """The jobs' folders on a disk of their own, the same on the login side and on the nodes; gives the file that fills it."""
    layout, file = Layout(running_site.name), tmp_path / "disk"
    with file.open("wb") as disk:
        disk.truncate(SIZE)
    command("mkfs.ext4", "-q", "-m", 0, file)
    status, device = layout.uspace.stat(), command("losetup", "--find", "--show", file)
    views = [lock.supervisor_pid(layout), *processes(running_site, "slurmd -D")]
    try:
        for view in views:
            command("nsenter", f"--target={view}", "--mount", "--", "mount", device, layout.uspace)
        there = Path(f"/proc/{views[0]}/root{layout.uspace}")
        os.chown(there, status.st_uid, status.st_gid)
        there.chmod(status.st_mode)
        yield there / "filling"
    finally:
        for view in views:
            subprocess.run(("nsenter", f"--target={view}", "--mount", "--pid", "--", "umount", "--lazy", str(layout.uspace)), check=False)
        command("losetup", "--detach", device)


def fill(file: Path, *, but: int) -> None:
    """Leave `but` bytes free."""
    free = os.statvfs(file.parent)
    with file.open("wb") as opened:
        os.posix_fallocate(opened.fileno(), 0, free.f_bavail * free.f_frsize - but)


def test_a_disk_that_is_full_when_a_run_is_sent_is_told_and_the_run_goes_on_later(
    deploy: Deploy, filling: Path, script: Callable[[str], Path]
) -> None:
    path = script("open('result.txt', 'w').write('done')\n#" + "x" * 1_000_000)
    fill(filling, but=200_000)

    refused = deploy("submit", str(path), "--site", str(deploy.site_file), *IMAGE, "--tag", "full", code=4)

    (record,) = json.loads(deploy("list", "--tag", "full", "--json").stdout)
    assert f"esd-deploy attach {record['id']}" in refused.stderr
    assert "No space left on device" in refused.stderr
    filling.unlink()
    ended = json.loads(deploy("attach", record["id"], "--json").stdout)
    assert (ended["status"], (deploy.folder(record) / "result.txt").read_text()) == ("SUCCESSFUL", "done")


def test_a_disk_that_runs_full_while_the_program_writes_is_named(deploy: Deploy, filling: Path, script: Callable[[str], Path]) -> None:
    path = script(f"open('early.txt', 'w').write('early')\nopen('large.bin', 'wb').write(bytes({SIZE}))\n")

    ended = deploy("run", str(path), "--site", str(deploy.site_file), *IMAGE, "--tag", "fills", code=1)

    assert "No space left on device" in ended.stderr
    (record,) = json.loads(deploy("list", "--tag", "fills", "--json").stdout)
    assert (deploy.folder(record) / "early.txt").read_text() == "early"
