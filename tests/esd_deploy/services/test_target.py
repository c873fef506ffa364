"""Where a tunnel leads, and when: a run in memory."""

import socket

import pytest
from tests.esd_deploy.conftest import FakeConnection, prepared

from esd_build.data.errors import UsageError
from esd_deploy.backends.connection import JobState, Passage
from esd_deploy.runs.run import Run
from esd_deploy.services.target import Target, found

RUNNING, QUEUED, ENDED = JobState("RUNNING"), JobState("QUEUED"), JobState("SUCCESSFUL", exit_code=0)


class Ports(FakeConnection):
    """A site whose ports refuse `refusals` times, and then listen."""

    refusals = 0
    opened: list[socket.socket]

    def passage(self, job, host, port):
        self.asked = (host, port)
        near, far = socket.socketpair()
        self.opened.append(far)
        if self.refusals:
            self.refusals -= 1
            far.close()
        return Passage(near, b"", lambda: None)


@pytest.fixture
def site():
    site = Ports(states=[RUNNING], batch={"BatchHost": "c1"})
    site.opened = []
    yield site
    for far in site.opened:
        far.close()


@pytest.fixture
def run(planned, site, tmp_path):
    folder = tmp_path / "runs" / planned.run_id
    one = Run(prepared(planned, folder), folder, site, poll_s=2, sleep=lambda _s: None)
    one.submit()
    return one


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("52425", Target(None, 52425)),
        ("c1:80", Target("c1", 80)),
        ("10.0.0.1:1", Target("10.0.0.1", 1)),
        ("n-1.x.org:65535", Target("n-1.x.org", 65535)),
    ],
)
def test_what_is_typed(text, target):
    assert Target.parse(text) == target


@pytest.mark.parametrize(
    "text", ["", "c1", "c1:", ":80", "0", "65536", "c1:http", "c1 :80", "c1:80\n", "a/b:80", "-x:80", "c1:80:90", "[::1]:80"]
)
def test_what_is_no_port(text):
    with pytest.raises(UsageError, match="write PORT or HOST:PORT"):
        Target.parse(text)


def test_the_first_node_is_the_default(run, site):
    assert found(run, Target.parse("80"), wait=False, notice=print) == Target("c1", 80)
    assert site.asked == ("c1", 80)


def test_a_named_host_is_taken(run, site):
    assert found(run, Target.parse("c2:80"), wait=False, notice=print) == Target("c2", 80)


def test_a_site_that_tells_no_nodes_needs_a_host(run, site):
    site.batch = {}
    with pytest.raises(UsageError, match=r"does not tell on which node .* --to HOST:80"):
        found(run, Target.parse("80"), wait=False, notice=print)


def test_a_run_that_does_not_run_yet(run, site):
    site.states = [QUEUED]
    with pytest.raises(UsageError, match=r"does not run yet \(QUEUED\); --wait"):
        found(run, Target.parse("80"), wait=False, notice=print)


def test_a_run_that_has_ended(run, site):
    site.states = [ENDED]
    with pytest.raises(UsageError, match=r"has ended \(SUCCESSFUL\)"):
        found(run, Target.parse("80"), wait=True, notice=print)


def test_a_port_that_refuses(run, site):
    site.refusals = 1
    with pytest.raises(UsageError, match=r"c1:80 refuses connections: no program of run .* listens there, or not yet; --wait"):
        found(run, Target.parse("80"), wait=False, notice=print)


def test_waiting_for_the_run_and_for_its_port(run, site):
    site.states, site.refusals, said, slept = [QUEUED, QUEUED, RUNNING], 2, [], []
    assert found(run, Target.parse("80"), wait=True, notice=said.append, sleep=slept.append) == Target("c1", 80)
    assert ["QUEUED" in line for line in said] == [True, False]  # each reason once
    assert slept == [2, 2, 2, 2]


def test_waiting_ends_with_the_run(run, site):
    site.states, site.refusals = [RUNNING, ENDED], 9
    with pytest.raises(UsageError, match="has ended"):
        found(run, Target.parse("80"), wait=True, notice=print, sleep=lambda _s: None)
