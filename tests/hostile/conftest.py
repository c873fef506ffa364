"""A site, an image, a plan, as esd-deploy's own tests have them, and a run."""

import pytest
from tests.esd_deploy.conftest import FakeConnection, config, connection, image, planned, prepared, script

from esd_deploy.runs.run import Run

__all__ = ["config", "connection", "image", "planned", "run", "script"]


@pytest.fixture
def run(planned, tmp_path, connection):
    folder = tmp_path / "runs" / planned.run_id
    return Run(prepared(planned, folder), folder, connection, poll_s=1, sleep=lambda _s: None)


class Remote(FakeConnection):
    """Gives back what was sent to it: a job's folder, in which a job's own program could write."""

    def read(self, job, path, offset=0):
        self.results = {**self.uploaded, **self.results}
        return super().read(job, path, offset)


@pytest.fixture
def remote(planned, tmp_path):
    connection = Remote()
    folder = tmp_path / "here" / planned.run_id
    Run(prepared(planned, folder), folder, connection, poll_s=1, sleep=lambda _s: None).submit()
    return connection
