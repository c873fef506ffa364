"""Following a job to its end."""

from collections.abc import Callable, Iterator
from typing import Protocol

from tenacity import Retrying

from esd_deploy.backends.connection import READY, RUNNING, JobState
from esd_deploy.runs.patience import Sleep

_SHARE = 0.05
_SOONEST_S = 0.5
_LOOK_S = 30
"""A job that runs, or should begin, keeps its state for so many seconds before the caller looks further; later a twentieth of the wait."""


def pause(waited_s: float, poll_s: float) -> float:
    """Seconds until the next question: a twentieth of the time waited so far, never more than the site's `poll_s`.

    So the end of a short job is noticed soon, and a long job causes few questions.
    """
    return min(poll_s, max(_SOONEST_S, waited_s * _SHARE))


class States(Protocol):
    """Something that knows a job's state."""

    def state(self, job: str) -> JobState:
        """The job's state now."""


def follow(
    connection: States,
    job: str,
    *,
    poll_s: float,
    retry: Retrying,
    sleep: Sleep,
    unchanged: Callable[[], None] = lambda: None,
) -> Iterator[JobState]:
    """Yield the job's state whenever it changes; the last one is its end.

    Calls `unchanged` now and then while the job runs on, or does not begin.
    """
    seen: JobState | None = None
    waited_s, look_s = 0.0, 0.0
    while True:
        state = retry(connection.state, job)
        if seen is None or (state.status, state.message) != (seen.status, seen.message):
            look_s = waited_s + _LOOK_S
            yield state
        if state.ended:
            return
        if state.status in {READY, RUNNING} and waited_s >= look_s:
            look_s = waited_s + max(_LOOK_S, waited_s * _SHARE)
            unchanged()
        seen = state
        step = pause(waited_s, poll_s)
        waited_s += step
        sleep(step)
