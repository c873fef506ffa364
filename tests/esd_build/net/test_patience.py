"""How long faults are borne with: without any network."""

import logging

import pytest

from esd_build.data.errors import ToolError
from esd_build.net.patience import Faults, PassingFault, Patience, pause_s

DOWN = ToolError("does not answer")


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self.now += pause_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patience(clock: Clock, *, answered: bool = True) -> Patience:
    made = Patience(120, sleep=clock.sleep, clock=lambda: clock.now)
    if answered:
        made.answered()
    return made


def always_down() -> None:
    raise PassingFault(DOWN)


def test_restart_is_waited_for_and_no_longer(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(ToolError, match="does not answer"):
        patience(clock).call(always_down)
    assert 120 <= clock.now < 150
    assert max(clock.pauses) < 30
    assert [record.getMessage() for record in caplog.records] == ["does not answer; trying again, for 120 s at most"]


def test_host_that_never_answered_is_given_up_soon(clock: Clock) -> None:
    with pytest.raises(ToolError):
        patience(clock, answered=False).call(always_down)
    assert clock.now < 5


def test_steps_forward_give_new_patience(clock: Clock) -> None:
    faults = Faults(patience(clock))
    for _step in range(50):
        faults.bear(PassingFault(DOWN, pause_s=60))
        faults.bear(PassingFault(DOWN, pause_s=60))
        faults.forward()
    assert clock.now == 6000


def test_pause_that_is_asked_for_is_kept(clock: Clock) -> None:
    Faults(patience(clock)).bear(PassingFault(DOWN, pause_s=7))
    assert clock.pauses == [7]


def test_pauses_grow_to_a_limit_and_differ() -> None:
    means = [sum(pause_s(faults) for _ in range(2000)) / 2000 for faults in (1, 3, 7, 10**6)]
    assert means == pytest.approx([0.25, 1, 15, 15], rel=0.15)
