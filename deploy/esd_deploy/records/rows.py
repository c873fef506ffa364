"""Runs as rows of one table: for a terminal, a CSV file, a notebook. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from esd_deploy.records.record import RunRecord

Cell = int | float | str | None
PARAMETER, METRIC = "param.", "metric."
"""Beginnings of the names of columns that a run's script chose."""


def row(one: RunRecord) -> dict[str, Cell]:
    """One run's data, state, parameters and metrics; None for unknown values. Times are UTC, as this machine saw them."""
    return {
        "id": one.id,
        "site": one.site,
        "script": one.script.name,
        "name": one.name,
        "tags": " ".join(one.tags),
        "image": one.image.reference.partition("@")[0] if one.image else None,
        "status": one.state,
        "ended_by": one.ending.kind if one.ending else None,
        "exit_code": one.exit_code,
        "nodes": one.nodes,
        "ranks": one.ranks,
        "threads": one.threads_per_rank,
        "submitted": _text(one.states[0].time),
        "started": _text(_first(one, lambda status: status == "RUNNING")),
        "ended": _text(one.states[-1].time if one.ended else None),
        "seconds": _seconds(one),
        **{f"{PARAMETER}{name}": value for name, value in one.parameters.items()},
        **{f"{METRIC}{name}": value for name, value in one.metrics.items()},
    }


def columns(rows: Iterable[Mapping[str, Cell]]) -> list[str]:
    """The names of all columns: the common ones, then parameters, then metrics, each in order of first appearance."""
    met = dict.fromkeys(name for one in rows for name in one)
    return sorted(met, key=lambda name: 2 * name.startswith(METRIC) + name.startswith(PARAMETER))


def own_columns(rows: Iterable[Mapping[str, Cell]]) -> list[str]:
    """The columns that the scripts chose: parameters and metrics."""
    return [name for name in columns(rows) if name.startswith((PARAMETER, METRIC))]


def _first(one: RunRecord, fits: Callable[[str], bool]) -> datetime | None:
    return next((state.time for state in one.states if fits(state.status)), None)


def _seconds(one: RunRecord) -> float | None:
    """Seconds from the first look that saw it running to its end; None if no look saw it running."""
    started = _first(one, lambda status: status == "RUNNING")
    return round((one.states[-1].time - started).total_seconds(), 1) if started and one.ended else None


def _text(time: datetime | None) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
