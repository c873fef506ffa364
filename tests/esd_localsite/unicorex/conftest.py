"""A made-up site with the real server, for the pure tests; and TSI sources that are none."""

from pathlib import Path

import pytest

from esd_localsite.state.options import Server, SiteOptions
from esd_localsite.state.plan import Ports, SitePlan


@pytest.fixture
def real_plan(plan: SitePlan) -> SitePlan:
    ports = Ports(slurmctld=20001, registry=20002, unicore=20003, server=20004, tsi=20005, tsi_reply=20006)
    return plan.model_copy(update={"options": SiteOptions(server=Server.UNICOREX), "ports": ports})


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder that looks like a TSI."""
    folder = tmp_path / "given"
    for name in ("lib", "slurm"):
        (folder / name).mkdir(parents=True)
    (folder / "lib" / "TSI.py").write_text('MY_VERSION = "__VERSION__"\n')
    (folder / "lib" / "BSS.py").write_text("general\n")
    (folder / "slurm" / "BSS.py").write_text("slurm\n")
    (folder / "CHANGES.md").write_text("Changes\n\nVersion 10.1.2\n--------------\n\nVersion 10.1.0\n")
    return folder
