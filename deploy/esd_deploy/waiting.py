"""Following a job to its end."""

from collections.abc import Iterator

from tenacity import Retrying

from esd_deploy.connection import Connection, JobState
from esd_deploy.submission import Sleep


def follow(connection: Connection, job: str, *, poll_s: float, retry: Retrying, sleep: Sleep) -> Iterator[JobState]:
    """The job's states, the last one being its end; asks every `poll_s` seconds and yields only what changed."""
    seen: JobState | None = None
    while True:
        state = retry(connection.state, job)
        if seen is None or (state.status, state.message) != (seen.status, seen.message):
            yield state
        if state.ended:
            return
        seen = state
        sleep(poll_s)
