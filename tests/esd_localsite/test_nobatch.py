"""A site without root: one user's, no nodes; and nothing is left of it."""

import os
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from esd_localsite import lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.layout import Layout, find_layout
from esd_localsite.state.options import Profile, SiteOptions, Speed
from esd_localsite.state.programs import OWN_PACKAGES, find_program
from esd_localsite.state.status import SiteStatus, State
from esd_localsite.supervision import fault_switches

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(any(find_program(name) is None for name in OWN_PACKAGES), reason="no docker-registry"),
]
NAME = "own"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteStatus]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    try:
        yield lifecycle.up(NAME, options=SiteOptions(profile=Profile.NOBATCH, speed=Speed.CI))
    finally:
        lifecycle.down(NAME, purge=True)
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
def unicore(site: SiteStatus) -> Iterator[httpx.Client]:

    verify = ssl.create_default_context(cafile=str(site.ca_file))
    with httpx.Client(
        auth=(site.username, site.password_file.read_text().strip()), verify=verify, base_url=f"{site.unicore_url}/"
    ) as client:
        yield client


def sleeper(unicore: httpx.Client, folder: Path) -> int:
    """Process id of a job that would run for long."""
    job = unicore.post("jobs", json={"Executable": f"echo $$ > {folder}/pid.new; mv {folder}/pid.new {folder}/pid; sleep 600"}).headers[
        "Location"
    ]
    while not (folder / "pid").exists():
        assert unicore.get(job).json()["status"] not in {"FAILED", "SUCCESSFUL"}
    return int((folder / "pid").read_text())


def test_it_runs_jobs_as_its_user_and_says_what_it_is_not(site: SiteStatus, unicore: httpx.Client, tmp_path: Path) -> None:
    assert (site.nodes, site.slurm_conf) == ((), None)
    assert "No batch system" in unicore.get(str(unicore.base_url).rstrip("/")).json()["server"]["jobSubmission"]["message"]
    pid = sleeper(unicore, tmp_path)
    assert Path(f"/proc/{pid}").stat().st_uid == os.geteuid()
    lifecycle.down(NAME)
    assert not Path(f"/proc/{pid}").exists()
    assert lifecycle.status(NAME).state is State.STOPPED
    assert lifecycle.up(NAME).state is State.RUNNING  # its profile is remembered


def test_daemons_of_a_supervisor_that_was_killed_end_too(site: SiteStatus, unicore: httpx.Client) -> None:
    os.kill(int(find_layout(NAME).lock.read_text()), signal.SIGKILL)
    while lifecycle.status(NAME).state is not State.CRASHED:
        pass
    end = time.monotonic() + 10
    while listens(unicore.base_url.port):  # the kernel takes a moment
        assert time.monotonic() < end


def listens(port: int | None) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_faults_of_clusters_are_refused_others_work(site: SiteStatus, unicore: httpx.Client) -> None:
    with pytest.raises(LocalSiteError, match="has no nodes"):
        fault_switches.inject(NAME, Fault(kind=FaultKind.NODE_DOWN))
    fault_switches.inject(NAME, Fault(kind=FaultKind.ENDPOINT_RESTART))
    assert unicore.get(str(unicore.base_url).rstrip("/")).status_code == 200


def test_a_name_is_of_one_profile(site: SiteStatus, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalSiteError, match="of the other profile"):
        lifecycle.up(NAME, options=SiteOptions(profile=Profile.SLURM))
    assert isinstance(find_layout(NAME), Layout)
