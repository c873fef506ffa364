"""Many runs at once: one record in memory at a time, one connection to each site, no question about a run that has ended."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tenacity import nap

from esd_build.data.errors import EsdError
from esd_deploy.backends.connection import GoneError
from esd_deploy.records import record
from esd_deploy.records.listing import records
from esd_deploy.records.record import DamagedError, RunRecord
from esd_deploy.runs.patience import Sleep
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.sites import familiar

_ASKED_AT_ONCE = 4
_BROUGHT_AT_ONCE = 2
"""Runs that fetch at the same time; each of them fetches several files at once."""
Load = Callable[[str], Site]


@dataclass(frozen=True)
class Standing:
    """The state of one run, for a list or a watcher. `cause` is the error behind `problem`, if one was raised."""

    id: str
    site: str
    script: str
    status: str
    ended: bool
    ending: str = ""
    problem: str = ""
    cause: EsdError | None = None

    @property
    def over(self) -> bool:
        """Whether asking again is useless: the job has ended, or its site no longer knows it."""
        return self.ended or isinstance(self.cause, GoneError | DamagedError)


def standing(one: RunRecord, cause: EsdError | None = None) -> Standing:
    """The state of a recorded run; `cause`: the error that a question to its site raised."""
    problem = str(cause).partition("\n")[0] if cause else _not_here(one)
    return Standing(one.id, one.site, one.script.name, one.status, one.ended, one.ending.kind if one.ending else "", problem, cause)


def _not_here(one: RunRecord) -> str:
    if not one.lost:
        return ""
    first = one.lost[0]
    reason, *_ = first.reason.partition("\n")
    return f"{len(one.lost)} of its results could not be fetched; {first.path}: {reason}"


def refresh(runs: Path, tag: str | None = None, *, load: Load = Site.load) -> list[Standing]:
    """Ask about every submitted run that has not ended; `problem` holds a site's failure."""
    return Fleet(runs, load).refresh([one.id for one in records(runs, tag)])


class Fleet:
    """Asks about the runs of a folder repeatedly, over the same connections. Keeps only each run's standing in memory."""

    def __init__(self, runs: Path, load: Load = Site.load, *, sleep: Sleep = nap.sleep) -> None:
        self._runs = runs
        self._connections = _Connections(load, sleep)

    def run(self, run_id: str) -> Run:
        """One of them, live. Raises UsageError for an unknown id, ToolError for a damaged record or a site that does not answer."""
        return self._connections.run(self._runs, record.own(self._runs, run_id))

    def refresh(self, run_ids: Iterable[str]) -> list[Standing]:
        """The standing of each of these runs; asks only about those that have not ended."""
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            return list(pool.map(self._ask, run_ids))

    def bring(self, run_ids: Iterable[str]) -> Iterator[Standing]:
        """Fetch the results of ended runs and yield their standings in order, each as soon as its results are here."""
        with ThreadPoolExecutor(_BROUGHT_AT_ONCE) as pool:
            yield from pool.map(self._bring, run_ids)

    def _ask(self, run_id: str) -> Standing:
        return self._told(run_id, Run.refresh)

    def _bring(self, run_id: str) -> Standing:
        return self._told(run_id, Run.finish)

    def _told(self, run_id: str, act: Callable[[Run], RunRecord]) -> Standing:
        one = None
        try:
            one = record.own(self._runs, run_id)
            if one.job.url is None or (one.ended and act is not Run.finish):
                return standing(one)
            return standing(act(self._connections.run(self._runs, one)))
        except EsdError as error:
            known = one and _known_now(self._runs, one)
            return standing(known, error) if known else Standing(run_id, "", "", "unreadable", ended=False, problem=str(error), cause=error)


def _known_now(runs: Path, one: RunRecord) -> RunRecord:
    """The record after a failed question; the record read before, if the file is damaged meanwhile."""
    try:
        return record.own(runs, one.id)
    except EsdError:
        return one


class _Connections:
    """Connections, one for each site; it serves all runs there."""

    def __init__(self, load: Load, sleep: Sleep) -> None:
        self._load, self._sleep = load, sleep
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def run(self, runs: Path, one: RunRecord) -> Run:
        name = familiar.site_of(one.site, one.site_file)
        with self._lock:
            first = self._runs.get(name)
            if first is None:
                first = self._runs[name] = self._load(name).run(one.id, runs=runs, sleep=self._sleep)
        return first.sibling(one, runs / one.id)
