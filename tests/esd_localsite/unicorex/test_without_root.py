"""The real server without root, without Slurm and without a TSI: it runs jobs itself."""

import shutil
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from esd_localsite import lifecycle
from esd_localsite.errors import LocalSiteError
from esd_localsite.faults.board import Fault, FaultKind
from esd_localsite.state.options import Profile, SiteOptions, Speed
from esd_localsite.state.status import SiteStatus
from esd_localsite.supervision import fault_switches

pytestmark = [pytest.mark.integration, pytest.mark.long]  # Maven fetches the server anew, for a state folder of the test's own
NAME = "own-x"


@pytest.fixture
def site(real_server: SiteOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteStatus]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    options = SiteOptions(server=real_server.server, profile=Profile.NOBATCH, speed=Speed.CI)
    try:
        yield lifecycle.up(NAME, options=options)
    finally:
        lifecycle.down(NAME, purge=True)
        shutil.rmtree(tmp_path, ignore_errors=True)


def test_it_runs_jobs_as_its_user_and_has_no_tsi(site: SiteStatus) -> None:
    verify = ssl.create_default_context(cafile=str(site.ca_file))
    login = (site.username, site.password_file.read_text().strip())
    with httpx.Client(auth=login, verify=verify, headers={"Accept": "application/json"}, timeout=60, trust_env=False) as unicore:
        url = unicore.post(f"{site.unicore_url}/jobs", json={"Executable": "echo", "Arguments": ["$SCRATCH"]}).headers["Location"]
        end = time.monotonic() + 60
        while (job := unicore.get(url).json())["status"] != "SUCCESSFUL":
            assert time.monotonic() < end, job
            time.sleep(0.2)
        out = unicore.get(f"{job['_links']['workingDirectory']['href']}/files/stdout", headers={"Accept": "application/octet-stream"})
    assert out.text.strip() == str(site.scratch)
    assert "tsi" not in lifecycle.look(NAME).answers
    with pytest.raises(LocalSiteError, match="no TSI"):
        fault_switches.inject(NAME, Fault(kind=FaultKind.TSI_DOWN))
