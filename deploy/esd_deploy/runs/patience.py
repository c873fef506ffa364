"""Patience with a site: what is repeated, for how long, and how long to wait."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tenacity import RetryCallState, Retrying, nap

from esd_build.data.errors import UsageError
from esd_build.net.patience import ANSWER_S, pause_s
from esd_deploy.backends.connection import ConnectionLostError, GoneError, RefusedError

WAIT_S = 24 * 3600
"""How long a site may stay silent before esd-deploy stops waiting for a job there; the job itself continues."""
REFUSED_S = 600
"""How long a site may refuse a token that it accepted before, while esd-deploy waits for a run."""
BATCH_SYSTEM_S = 600
"""How long a batch system may stay silent before a run that the site gave up counts as over."""
Sleep = Callable[[float], None]


def patiently(
    sleep: Sleep = nap.sleep, *, give_up_s: float = ANSWER_S, refused_s: float = 0, notice: Callable[[str], None] = lambda _text: None
) -> Retrying:
    """Repeat after a lost connection, for at most `give_up_s` seconds; raise everything else at once.

    A refused token is tried for `refused_s` seconds: it may be renewed at any moment, and a site whose issuer is down refuses all tokens.
    Answers right after an outage count little: a starting UNICORE/X knows no job and no user for some seconds.
    """

    def failed(attempt: RetryCallState) -> BaseException | None:
        return attempt.outcome.exception() if attempt.outcome else None

    def again(attempt: RetryCallState) -> bool:
        error = failed(attempt)
        return isinstance(error, ConnectionLostError | RefusedError) or (isinstance(error, GoneError) and attempt.attempt_number > 1)

    def enough(attempt: RetryCallState) -> bool:
        refused = isinstance(failed(attempt), RefusedError)
        limit_s = refused_s if refused and attempt.attempt_number == 1 else max(give_up_s, refused_s if refused else 0)
        return (attempt.seconds_since_start or 0) >= limit_s

    return Retrying(
        sleep=sleep,
        retry=again,
        wait=lambda attempt: pause_s(attempt.attempt_number),
        stop=enough,
        before_sleep=lambda attempt: notice(f"{attempt.outcome.exception() if attempt.outcome else 'no answer'}; trying again"),
        reraise=True,
    )


class Refusals:
    """How long each of several sites may refuse the caller: for a while if it accepted the caller before, otherwise not at all."""

    def __init__(self) -> None:
        self._left_s: dict[str, float] = {}

    def spend(self, sites: Iterable[str], refusing: Mapping[str, Exception], seconds: float) -> None:
        """Call before waiting `seconds`. Raises the site's refusal if it lasts too long, or at once if there is no token."""
        for site in set(sites) - refusing.keys():
            self._left_s[site] = REFUSED_S
        for site, cause in refusing.items():
            self._left_s[site] = self._left_s.get(site, 0) - seconds
            if self._left_s[site] < 0 or isinstance(cause, UsageError):
                raise cause


class PastDeadlineError(Exception):
    """The job has not reached the expected state in time."""


@dataclass
class Deadline:
    """A clock that lets a wait go on until `deadline_s` of it; the sleep of everything that waits here."""

    deadline_s: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, seconds: float) -> None:
        if self.clock() > self.deadline_s:
            raise PastDeadlineError
        self.sleep(seconds)
