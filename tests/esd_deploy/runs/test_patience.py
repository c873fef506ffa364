"""What is asked again: a site that was away, and what it says while it starts."""

from collections.abc import Callable

import pytest

from esd_deploy.backends.connection import ConnectionLostError, GoneError, RefusedError
from esd_deploy.runs.patience import patiently

LOST, GONE, REFUSED = ConnectionLostError("503"), GoneError("404"), RefusedError("401")


def answers(*given: Exception | str) -> Callable[[], str]:
    left = list(given)

    def ask() -> str:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def patient(given: Callable[[], str], **options: float) -> str:
    return patiently(lambda _seconds: None, **options)(given)


def test_a_lost_connection_is_asked_again() -> None:
    assert patient(answers(LOST, LOST, "here")) == "here"


@pytest.mark.parametrize("said", [GONE, REFUSED])
def test_what_a_site_says_that_was_not_away_counts_at_once(said: Exception) -> None:
    with pytest.raises(type(said)):
        patient(answers(said, "here"))


@pytest.mark.parametrize("said", [GONE, REFUSED])
def test_what_a_site_says_while_it_starts_does_not(said: Exception) -> None:
    """UNICORE/X answers some seconds before it knows its jobs: 404; and its target system: 401."""
    assert patient(answers(LOST, said, said, "here")) == "here"


@pytest.mark.parametrize("said", [LOST, GONE, REFUSED])
def test_patience_ends(said: Exception) -> None:
    with pytest.raises(type(said)):
        patient(answers(LOST, said, "here"), give_up_s=-1) if said is LOST else patient(answers(LOST, *[said] * 10**6), give_up_s=0.01)


def test_a_refused_token_is_borne_with_where_it_was_taken_before() -> None:
    assert patient(answers(REFUSED, REFUSED, "here"), refused_s=600) == "here"
