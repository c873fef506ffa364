"""Submitting so that a run becomes one job, whatever gets lost on the way."""

from collections.abc import Callable, Mapping, Sequence

from tenacity import RetryCallState, Retrying, nap, retry_if_exception_type, wait_random_exponential

from esd_deploy.backends.connection import READY, Connection, ConnectionLostError, EndedError, RefusedError
from esd_deploy.plans.job import JobDescription

Sleep = Callable[[float], None]


def patiently(
    sleep: Sleep = nap.sleep, *, give_up_s: float = 120, refused_s: float = 0, notice: Callable[[str], None] = lambda _text: None
) -> Retrying:
    """Repeat what failed by a lost connection, for at most `give_up_s` seconds; anything else is raised at once.

    A refused token is tried for `refused_s` seconds: whoever renews it may do so any moment, and a site whose issuer is away refuses all.
    """

    def enough(attempt: RetryCallState) -> bool:
        refused = attempt.outcome is not None and isinstance(attempt.outcome.exception(), RefusedError)
        return (attempt.seconds_since_start or 0) >= (refused_s if refused else give_up_s)

    return Retrying(
        sleep=sleep,
        retry=retry_if_exception_type((ConnectionLostError, RefusedError)),
        wait=wait_random_exponential(multiplier=0.5, max=30),
        stop=enough,
        before_sleep=lambda attempt: notice(f"{attempt.outcome.exception() if attempt.outcome else 'no answer'}; trying again"),
        reraise=True,
    )


def create(connection: Connection, description: JobDescription, tag: str, retry: Retrying) -> str:
    """The URL of the run's one job. A lost answer may have been a job all the same: so every try looks for the tag first.

    A request that the site works off late can still make a second job; it waits for its files and never runs, and `surplus` finds it.
    """
    return retry(lambda: _begun(connection, connection.find(tag)) or connection.create(description))


def stage(connection: Connection, job: str, files: Mapping[str, bytes], retry: Retrying) -> None:
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
