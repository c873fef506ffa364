"""Submitting so that a run becomes one job, whatever gets lost on the way."""

from collections.abc import Callable, Mapping, Sequence

from tenacity import Retrying

from esd_deploy.backends.connection import READY, Connection, ConnectionLostError, EndedError
from esd_deploy.plans.content import Content
from esd_deploy.plans.job import JobDescription


def create(connection: Connection, description: JobDescription, tag: str, retry: Retrying) -> str:
    """The URL of the run's one job. A lost answer may have been a job all the same: so every try looks for the tag first.

    A request that the site works off late can still make a second job; it waits for its files and never runs, and `surplus` finds it.
    """
    return retry(lambda: _begun(connection, connection.find(tag)) or connection.create(description))


def stage(connection: Connection, job: str, files: Mapping[str, Content], retry: Retrying) -> None:
    """Upload all files, then start the job; may be repeated as a whole.

    Raises EndedError for a job that has ended meanwhile: one whose folder cannot be made fails when it is created.
    """

    def unless_ended(act: Callable[..., None], *what: object) -> None:
        try:
            act(job, *what)
        except ConnectionLostError:
            state = connection.state(job)
            if state.ended:
                raise EndedError(state) from None
            raise

    for path, content in files.items():
        retry(unless_ended, connection.upload, path, content)
    retry(unless_ended, connection.start)


def surplus(connection: Connection, tag: str, job: str, retry: Retrying) -> Sequence[str]:
    """Removes jobs with the run's tag that are not its job and never began; returns those that did begin, which must not be."""
    running = []
    for other in retry(connection.find, tag):
        if other == job:
            continue
        if retry(connection.state, other).status == READY:
            retry(connection.delete, other)
        else:
            running.append(other)
    return running


def _begun(connection: Connection, jobs: Sequence[str]) -> str | None:
    """Of several jobs of one run the one that has begun, else the first."""
    if len(jobs) < 2:
        return jobs[0] if jobs else None
    return next((job for job in jobs if connection.state(job).status != READY), jobs[0])
