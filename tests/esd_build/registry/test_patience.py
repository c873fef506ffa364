"""How long faults are borne with, and what answers mean: without any network."""

import logging

import pytest
import requests

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.registry.answers import PassingFault, checked, said
from esd_build.registry.patience import Faults, Patience

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
    assert 120 <= clock.now < 140
    assert max(clock.pauses) < 20
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


def answer(status: int, text: str = "", **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made.reason = "Reason"
    made.url = "https://host.eu/v2/"
    made._content = text.encode()
    made.headers.update(headers)
    return made


@pytest.mark.parametrize(
    ("status", "header", "pause_s"), [(429, "3", 3), (503, "99999", 60), (502, "Wed, 21 Oct 2026", None), (500, "-1", None)]
)
def test_passing_answers_with_and_without_a_pause(status: int, header: str, pause_s: float | None) -> None:
    with pytest.raises(PassingFault) as fault:
        checked(answer(status, **{"Retry-After": header}), "pushing", frozenset({200}))
    assert fault.value.pause_s == pause_s


@pytest.mark.parametrize(
    ("status", "text", "error", "words"),
    [
        (500, '{"errors": [{"detail": "write: no space left on device"}]}', ToolError, "disk is full"),
        (403, '{"errors": [{"code": "DENIED", "message": "will exceed the configured upper limit of 1 GiB."}]}', UsageError, "quota"),
        (403, "", UsageError, "this account may not do that"),
        (412, '{"errors": [{"code": "PRECONDITION", "message": "configured as immutable"}]}', UsageError, "may not be changed"),
        (404, "", UsageError, "no such project or repository"),
        (418, "", ToolError, "answered 418 Reason"),
    ],
)
def test_final_answers_are_errors_that_say_what_to_do(status: int, text: str, error: type[EsdError], words: str) -> None:
    with pytest.raises(error, match=words):
        checked(answer(status, text), "pushing", frozenset({200}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"errors": [{"code": "DENIED", "message": "no"}, {"code": "X", "message": "y"}]}', "DENIED: no; X: y"),
        ('{"errors": "none"}', '{"errors": "none"}'),
        ("plain\n  words", "plain words"),
        ("<html><body>nginx</body></html>", ""),
        ("", ""),
    ],
)
def test_words_of_a_registry_are_one_line(text: str, words: str) -> None:
    assert said(answer(400, text)) == words
