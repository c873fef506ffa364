"""A sweep: a run for each combination of parameters. Repeating a sweep continues it: finished work is not run again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.backends.connection import READY, Connection, GoneError
from esd_deploy.display.progress import Display, Silent
from esd_deploy.inputs.parameters import Parameters, Value, grid
from esd_deploy.plans.plan import Plan
from esd_deploy.plans.request import Request
from esd_deploy.records import listing, record, sameness
from esd_deploy.records.lock import alone
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.records.sameness import Sameness
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site, new_id
from esd_deploy.runs.table import Runs
from esd_deploy.several.fleet import Fleet, Load

LOCK = ".sweep.lock"
Standing = Literal["new", "begun", "active", "done"]
_RANK = {"begun": 1, "active": 2, "done": 3}


@dataclass(frozen=True)
class Member:
    """One run of a sweep: its plan, and the earlier run that did the same work (None if there is none)."""

    plan: Plan
    known: RunRecord | None = None

    @property
    def standing(self) -> Standing:
        """new · begun: recorded, not yet submitted · active: at its site · done: succeeded."""
        return "new" if self.known is None else standing(self.known) or "new"

    @property
    def run_id(self) -> str:
        """The id of the earlier run, or of the planned one."""
        return self.known.id if self.known else self.plan.run_id


def standing(one: RunRecord) -> Standing | None:
    """How far a known run is; None if it failed, because its work is still to be done."""
    if one.ended:
        return "done" if one.succeeded else None
    return "begun" if one.job.url is None or one.status == READY else "active"


@contextmanager
def alone_in(runs: Path, display: Display) -> Iterator[None]:
    """Hold the folder's lock: two sweeps that are submitted into it at once would each make the runs of the other."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"cannot make {runs}: {error.strerror}; choose another folder with --output") from error
    with alone(runs / LOCK, wait=True, notice=lambda _text: display.step(f"waiting for another sweep that is being submitted into {runs}")):
        yield


def members(plan: Plan, combinations: Iterable[Parameters], runs: Path, *, again: bool = False, load: Load = Site.load) -> list[Member]:
    """A member for each combination. Asks about runs that seem active, which may have failed since. With `again`, all are new."""
    wanted = [plan.with_parameters(one, new_id()) for one in combinations]
    if again:
        return [Member(one) for one in wanted]
    base = sameness.of_plan(plan)
    keys = [replace(base, arguments=one.arguments, parameters=frozenset(one.parameters)) for one in wanted]
    known = _known(runs, frozenset(keys), load)
    return [Member(one, known.get(key)) for one, key in zip(wanted, keys, strict=True)]


def _known(runs: Path, wanted: frozenset[Sameness], load: Load) -> dict[Sameness, RunRecord]:
    """For each piece of work, the run that got furthest."""
    same = [(key, one) for one in listing.records(runs) if standing(one) and (key := sameness.of_record(one)) in wanted]
    active = [one.id for _, one in same if standing(one) == "active"]
    gone = {one.id for one in Fleet(runs, load).refresh(active) if isinstance(one.cause, GoneError)} if active else set()
    now = [(key, record.own(runs, one.id) if one.id in active else one) for key, one in same if one.id not in gone]
    ranked = [(_RANK[how], key, one) for key, one in now if (how := standing(one))]
    return {key: one for _, key, one in sorted(ranked, key=lambda found: found[0])}


def submitted(place: Site, sweep: Sequence[Member], runs: Path, display: Display | None = None) -> Iterator[RunRecord]:
    """Submit the members that are neither active nor done, over one connection. Yields the record of every member, in order.

    Raises the errors of `Run.submit`: the earlier members stay submitted, and the same sweep continues from there.
    """
    connection: Connection | None = None
    for one in sweep:
        if one.known and one.standing in {"active", "done"}:
            yield one.known
            continue
        connection = connection or place.connect()
        run = _run(place, one, runs, display, connection)
        run.submit()
        yield run.record


def sweep(
    place: Site,
    script: Path | str,
    values: Mapping[str, Iterable[Value]],
    arguments: Sequence[str] = (),
    *,
    again: bool = False,
    runs: Path = RUNS,
    **request: Any,
) -> Runs:
    """Submit a run for each combination of the values and return at once, for notebooks. `request`: fields of Request, such as `image`.

    Does not submit work again that is done or active, unless `again` is set. After an error of `Site.submit`, the same call continues.
    """
    combinations = grid({name: tuple(one) for name, one in values.items()})
    if not combinations:
        raise UsageError("a sweep needs parameters, e.g. {'g': [4, 5]}")
    tags = tuple(request.pop("tags", ())) or (f"sweep-{Path(script).stem}",)
    plan = place.plan(Request(Path(script), tuple(arguments), tags=tags, never=(runs,), **request))
    with alone_in(runs, Silent()):
        found = members(plan, combinations, runs, again=again, load=lambda _name: place)
        return place.these([one.id for one in submitted(place, found, runs)], folder=runs)


def _run(place: Site, one: Member, runs: Path, display: Display | None, connection: Connection) -> Run:
    if one.known:
        return place.run(one.known.id, runs=runs, display=display, connection=connection)
    return place.start(one.plan, runs=runs, display=display, connection=connection)
