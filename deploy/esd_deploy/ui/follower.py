"""Asks the sites about runs that have not ended, while somebody looks at a page; and fetches the results of those that end meanwhile.

What it finds goes into the runs' records, by the same functions and under the same locks as with `esd-deploy watch`. Each site has its own
thread, so that one that does not answer keeps no other waiting.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from esd_build.data.errors import EsdError, ToolError
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.several.fleet import Fleet, Load, Standing
from esd_deploy.ui.shelf import Shelf

INTERVAL_S = 1.0
_QUESTIONS_A_SECOND = 50
_SILENT_S = 5
"""Seconds after which a site that has not answered is told of."""


class _StoppingError(ToolError):
    """The page ends; nothing is tried again."""


@dataclass
class _Round:
    """The questions to one site that are on their way, or the last ones."""

    begun: float
    over: bool = False
    again: float = 0.0


class Follower:
    """One for all pages that are open. `load` opens a site."""

    def __init__(
        self,
        shelf: Shelf,
        load: Load = Site.load,
        *,
        interval_s: float = INTERVAL_S,
        fetch: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shelf, self._load, self._interval_s, self._fetch, self._clock = shelf, load, interval_s, fetch, clock
        self._fleets: dict[str, Fleet] = {}
        self._rounds: dict[str, _Round] = {}
        self._problems: dict[str, str] = {}
        self._gone: dict[str, str] = {}
        self._fetching: set[str] = set()
        self._looking = 0
        self._change = threading.Condition()
        self._stopped = threading.Event()

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """While this lasts, somebody looks."""
        with self._change:
            self._looking += 1
            self._change.notify_all()
        try:
            yield
        finally:
            with self._change:
                self._looking -= 1

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._work, name="esd-ui-follower", daemon=True).start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        with self._change:
            self._change.notify_all()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def notices(self) -> list[str]:
        """What is wrong with the sites that are asked, one line for each."""
        now = self._clock()
        silent = {
            site: f"{site}: no answer for {now - one.begun:.0f} s; the state of its runs is the last one known"
            for site, one in dict(self._rounds).items()
            if not one.over and now - one.begun > _SILENT_S
        }
        return [silent.get(site) or text for site, text in sorted({**self._problems, **silent}.items())]

    def tell(self, about: str, text: str) -> None:
        """Add a notice of what stopped in the background."""
        self._problems[f"~{about}"] = f"{about}: {text}"

    def of_run(self, run_id: str) -> str:
        """What is to be said of one run: that its results are on their way, or that its site no longer knows it."""
        return "fetching the results" if run_id in self._fetching else self._gone.get(run_id, "")

    def run(self, run_id: str) -> Run:
        """A run, live, over the connection that its site's questions use. Raises as `Fleet.run`."""
        return self._fleet(self._shelf.entry(run_id).site).run(run_id)

    def bring(self, run_id: str) -> None:
        """Fetch a run's results. Raises as `Run.finish`, and ToolError where they are being fetched already."""
        if run_id in self._fetching:
            raise ToolError(f"the results of {run_id} are being fetched already")
        self._fetching.add(run_id)
        try:
            run = self.run(run_id)
            if not run.record.ended:
                run.refresh()
            run.finish()
        finally:
            self._fetching.discard(run_id)

    def look(self) -> None:
        """Begin the questions that are due: one round for each site with active runs."""
        for site, run_ids in self._active().items():
            before = self._rounds.get(site)
            if before and (not before.over or self._clock() < before.again):
                continue
            self._rounds[site] = _Round(self._clock())
            threading.Thread(target=self._ask, args=(site, run_ids), name=f"esd-ui-{site}", daemon=True).start()

    def _work(self) -> None:
        while not self._stopped.is_set():
            with self._change:
                self._change.wait_for(lambda: self._looking > 0 or self._stopped.is_set())
            self.look()
            self._stopped.wait(self._interval_s / 4)

    def _active(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in self._shelf.everything().values():
            if one.active and one.id not in self._gone:
                found.setdefault(one.site, []).append(one.id)
        return found

    def _ask(self, site: str, run_ids: Sequence[str]) -> None:
        now = self._rounds[site]
        try:
            standings = self._fleet(site).refresh(run_ids)
            self._learn(site, standings)
        except EsdError as error:
            self._problems[site] = f"{site}: {error}"
        finally:
            now.again = self._clock() + max(self._interval_s, len(run_ids) / _QUESTIONS_A_SECOND)
            now.over = True

    def _learn(self, site: str, standings: Sequence[Standing]) -> None:
        self._gone |= {one.id: one.problem for one in standings if one.over and one.problem and not one.ended}
        wrong = next((one for one in standings if one.problem and not one.over), None)
        if wrong is None:
            self._problems.pop(site, None)
        else:
            self._problems[site] = f"{site}: {wrong.problem}"
            self._fleets.pop(site, None)  # the next questions connect anew: it may be back at another address
        ended = [one.id for one in standings if one.ended]
        if ended and self._fetch:
            threading.Thread(target=self._bring_all, args=(ended,), name="esd-ui-results", daemon=True).start()

    def _bring_all(self, run_ids: Sequence[str]) -> None:
        for run_id in run_ids:
            try:
                self.bring(run_id)
            except EsdError as error:
                self._gone[run_id] = f"its results could not be fetched: {error}"

    def _fleet(self, site: str) -> Fleet:
        return self._fleets.setdefault(site, Fleet(self._shelf.runs, self._load, sleep=self._sleep))

    def _sleep(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise _StoppingError("esd-deploy ui ends")
