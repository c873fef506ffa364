"""Submits a run as exactly one job, whatever answer gets lost."""

from collections.abc import Callable, Mapping, Sequence

from tenacity import Retrying

from esd_deploy.backends.connection import READY, Connection, ConnectionLostError, EndedError
from esd_deploy.inputs.content import Content
from esd_deploy.plans.job import JobDescription


def create(connection: Connection, description: JobDescription, tag: str, retry: Retrying) -> str:
    """Create the run's job and return its URL. The job may exist although its answer was lost, so every try looks for the tag first.

    A request that the site handles late can still make a second job. That job waits for files and never runs; `surplus` finds it.
    """
    return retry(lambda: _begun(connection, connection.find(tag)) or connection.create(description))


def stage(connection: Connection, job: str, files: Mapping[str, Content], retry: Retrying) -> None:
    """Upload all files, then start the job. May be repeated as a whole.

    Raises EndedError if the job has ended meanwhile: a job fails at its creation if the site cannot make its folder.
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
    """Remove other jobs with the run's tag that never began. Return those that did begin, which should not exist."""
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
    """The one of several jobs that has begun; else the first."""
    if len(jobs) < 2:
        return jobs[0] if jobs else None
    return next((job for job in jobs if connection.state(job).status != READY), jobs[0])
