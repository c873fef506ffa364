"""Following a job to its end."""

from collections.abc import Iterator

from tenacity import Retrying

from esd_deploy.backends.connection import Connection, JobState
from esd_deploy.runs.submission import Sleep

_SHARE = 0.05
_SOONEST_S = 0.5


def pause(waited_s: float, poll_s: float) -> float:
    """Seconds until the next question: a twentieth of the time waited so far, never more than the site's `poll_s`.

    So the end of a short job is seen soon, and a long one is asked about seldom.
    """
    return min(poll_s, max(_SOONEST_S, waited_s * _SHARE))


def follow(connection: Connection, job: str, *, poll_s: float, retry: Retrying, sleep: Sleep) -> Iterator[JobState]:
    """The job's states, the last one being its end; yields only what changed."""
    seen: JobState | None = None
    waited_s = 0.0
    while True:
        state = retry(connection.state, job)
        if seen is None or (state.status, state.message) != (seen.status, seen.message):
            yield state
        if state.ended:
            return
        seen = state
        step = pause(waited_s, poll_s)
        waited_s += step
        sleep(step)
