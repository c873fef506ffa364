"""Many runs at once: one record at a time in memory, one connection for each site, and no question about a run that has ended."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from esd_build.errors import EsdError
from esd_deploy import record
from esd_deploy.record import RunRecord
from esd_deploy.run import Run
from esd_deploy.site import Site

_AT_ONCE = 4
Load = Callable[[str], Site]


@dataclass(frozen=True)
class Standing:
    """How one run stands: what a list or a watcher shows of it."""

    id: str
    site: str
    script: str
    status: str
    ended: bool
    ending: str = ""
    problem: str = ""


def records(runs: Path, tag: str | None = None) -> Iterator[RunRecord]:
    """The records in a folder, oldest first, one after the other."""
    for run_id in record.known(runs):
        one = record.load(runs, run_id)
        if tag is None or tag in one.tags:
            yield one


def standing(one: RunRecord, problem: str = "") -> Standing:
    """What is shown of a record."""
    return Standing(one.id, one.site, one.script.name, one.status, one.ended, one.ending.kind if one.ending else "", problem)


def refresh(runs: Path, tag: str | None = None, *, load: Load = Site.load, only: frozenset[str] | None = None) -> list[Standing]:
    """Ask about every run that has not ended and was submitted (of `only`, where that is given); a site that fails is told in `problem`."""
    connections = _Connections(load)
    names = [one.id for one in records(runs, tag) if only is None or one.id in only]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda run_id: _ask(runs, run_id, connections), names))


def live(runs: Path, run_id: str, *, load: Load = Site.load) -> Run:
    """One run with its site."""
    known = record.load(runs, run_id)
    return load(str(known.site_file or known.site)).run(run_id, runs=runs)


class _Connections:
    """One site's connection serves all its runs."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._runs: dict[str, Run] = {}
        self._lock = threading.Lock()

    def run(self, runs: Path, one: RunRecord) -> Run:
        name = str(one.site_file or one.site)
        with self._lock:
            first = self._runs.get(name)
            if first is None:
                first = self._runs[name] = self._load(name).run(one.id, runs=runs)
        return first if first.id == one.id else first.sibling(one, runs / one.id)


def _ask(runs: Path, run_id: str, connections: _Connections) -> Standing:
    one = record.load(runs, run_id)
    if one.ended or one.job.url is None:
        return standing(one)
    try:
        return standing(connections.run(runs, one).refresh())
    except EsdError as error:
        return standing(one, str(error).splitlines()[0])
