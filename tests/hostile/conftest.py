"""A site, an image, a plan, as esd-deploy's own tests have them, and a run."""

import pytest
from tests.esd_deploy.conftest import config, connection, image, planned, prepared, script

from esd_deploy.runs.run import Run

__all__ = ["config", "connection", "image", "planned", "run", "script"]


@pytest.fixture
def run(planned, tmp_path, connection):
    folder = tmp_path / "runs" / planned.run_id
    return Run(prepared(planned, folder), folder, connection, poll_s=1, sleep=lambda _s: None)
