"""A series that goes on where it stopped, past runs that failed, and never beside another one."""

import pytest
from tests.esd_deploy.conftest import FakeBackend
from tests.esd_deploy.runs.test_taking_up import ENDPOINT

from esd_deploy import Site
from esd_deploy.backends.connection import JobState
from esd_deploy.bench import order
from esd_deploy.bench.conduct import Planned, alone_with, conduct
from esd_deploy.bench.order import Where
from esd_deploy.display.progress import Silent
from esd_deploy.records.lock import HeldError

DONE = JobState("SUCCESSFUL", exit_code=0)
FAILED = JobState("FAILED", exit_code=137)


@pytest.fixture
def measure(config, image, connection, loaded, tmp_path):
    """Conducts a series whose jobs end as told; gives the states, and how many jobs the site got."""
    place = Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)
    series, model = loaded()
    planned = [Planned(one, place.plan(one.request)) for one in order.groups(series, model, config, Where())]

    def act(state, *, again=False):
        connection.states = [state]
        before = len(connection.jobs)
        found = list(conduct(place, planned, tmp_path / "runs", Silent(), again=again))
        return [one.status for point in found for one in point.runs], len(connection.jobs) - before

    return act


def test_each_point_is_one_run_and_is_not_measured_twice(measure):
    assert measure(DONE) == (["SUCCESSFUL"] * 4, 4)
    assert measure(DONE) == (["SUCCESSFUL"] * 4, 0)
    assert measure(DONE, again=True) == (["SUCCESSFUL"] * 4, 4)


def test_the_series_goes_on_past_killed_points_and_measures_them_again(measure):
    assert measure(FAILED) == (["FAILED"] * 4, 4)
    assert measure(DONE) == (["SUCCESSFUL"] * 4, 4)


def test_two_series_at_once_are_refused(tmp_path):
    with (
        alone_with(tmp_path, "local"),
        pytest.raises(HeldError, match="another series is being measured at 'local'"),
        alone_with(tmp_path, "local"),
    ):
        pass
