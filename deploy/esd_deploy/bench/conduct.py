"""Carries out a series: one run after another, so that no point disturbs another. What is done is not done again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import ToolError
from esd_deploy.bench.order import Group
from esd_deploy.bench.series import Point
from esd_deploy.display.progress import Display
from esd_deploy.plans.plan import Plan
from esd_deploy.records.lock import HeldError, alone
from esd_deploy.records.record import RunRecord
from esd_deploy.runs.site import Site
from esd_deploy.several import sweep
from esd_deploy.several.sweep import Member

LOCK = ".bench.lock"


@dataclass(frozen=True)
class Planned:
    """A group of points with the plan of its runs, whose image is pinned by digest."""

    group: Group
    plan: Plan


@dataclass(frozen=True)
class Measured:
    """A point with the runs that measured it, in order."""

    point: Point
    runs: tuple[RunRecord, ...]


@contextmanager
def alone_with(runs: Path, site: str) -> Iterator[None]:
    """Two series at one site at once would measure each other. Raises HeldError, and says who measures."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"cannot make {runs}: {error.strerror}; choose another folder with --output") from error
    try:
        with alone(runs / f"{LOCK}-{site}"):
            yield
    except HeldError as held:
        raise HeldError(
            f"another series is being measured at '{site}': {held}. Two at once would disturb each other; wait for its end"
        ) from held


def conduct(
    place: Site,
    planned: Sequence[Planned],
    runs: Path,
    display: Display,
    *,
    again: bool = False,
    told: Callable[[str], None] = lambda _t: None,
) -> Iterator[Measured]:
    """Measure all points and yield each as soon as its runs have ended. A run that fails does not stop the series.

    Raises ToolError if the site or this machine's disk refuses: the earlier points are kept, and the same call goes on from there.
    """
    total = sum(len(one.group.points) for one in planned)
    number = 0
    for one in planned:
        with sweep.alone_in(runs, display):
            found = iter(sweep.members(one.plan, one.group.combinations, runs, again=again, load=lambda _name: place))
        for point in one.group.points:
            number += 1
            mine = [next(found) for _ in one.group.of(point)]
            told(f"point {number} of {total}: {point}" + (", done before" if all(member.standing == "done" for member in mine) else ""))
            yield Measured(point, tuple(_ended(place, member, runs, display) for member in mine))


def _ended(place: Site, member: Member, runs: Path, display: Display) -> RunRecord:
    """The record of a run's end. Its results are here, or the record says which are not."""
    (known,) = sweep.submitted(place, [member], runs, display)
    if known.complete or (known.ended and known.files):
        return known
    run = place.run(known.id, runs=runs, display=display)
    return run.finish() if known.ended else run.wait()
