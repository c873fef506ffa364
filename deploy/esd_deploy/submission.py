"""Submitting so that a run becomes one job, whatever gets lost on the way."""

from collections.abc import Callable, Mapping

from tenacity import Retrying, nap, retry_if_exception_type, stop_after_delay, wait_exponential

from esd_deploy.connection import Connection, ConnectionLostError
from esd_deploy.plan import JobDescription

Sleep = Callable[[float], None]


def patiently(sleep: Sleep = nap.sleep, *, give_up_s: float = 120, notice: Callable[[str], None] = lambda _text: None) -> Retrying:
    """Repeat what failed by a lost connection, for at most `give_up_s` seconds; anything else is raised at once."""
    return Retrying(
        sleep=sleep,
        retry=retry_if_exception_type(ConnectionLostError),
        wait=wait_exponential(max=30),
        stop=stop_after_delay(give_up_s),
        before_sleep=lambda attempt: notice(f"{attempt.outcome.exception() if attempt.outcome else 'no answer'}; trying again"),
        reraise=True,
    )


def create(connection: Connection, description: JobDescription, tag: str, retry: Retrying) -> str:
    """The URL of the run's one job. A lost answer may have been a job all the same: so every try looks for the tag first."""
    return retry(lambda: connection.find(tag) or connection.create(description))


def stage(connection: Connection, job: str, files: Mapping[str, bytes], retry: Retrying) -> None:
    """Upload all files, then start the job; may be repeated as a whole."""
    for path, content in files.items():
        retry(connection.upload, job, path, content)
    retry(connection.start, job)
