"""Two series side by side: first what differs in how they were made, then the times of the points that both have. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from esd_deploy.bench.reports.report import PointRow, Report, Summary

_EXPECTED = frozenset({"run.first", "run.last", "run.nodes", "system.time", "hardware.clock_mhz"})
"""Differs between any two series; told last."""
COMPARED = ("time_simulate", "time_construction", "memory_simulation_gb", "energy_j", "node_hours")


@dataclass(frozen=True)
class Difference:
    """One thing that the series do not have in common."""

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Ratio:
    """One metric of one point: medians, and A / B. `apart`: the 95 % intervals do not overlap; None without intervals."""

    shape: str
    size: float
    metric: str
    a: float
    b: float
    apart: bool | None

    @property
    def ratio(self) -> float | None:
        """A / B; None for a B of 0."""
        return self.a / self.b if self.b else None


@dataclass(frozen=True)
class Compared:
    """All differences and ratios; `alone`: points that only one of them measured."""

    differences: tuple[Difference, ...]
    ratios: tuple[Ratio, ...]
    alone: tuple[str, ...]


def compare(a: Report, b: Report) -> Compared:
    """Only points that count in both are compared."""
    ours, theirs = _measured(a), _measured(b)
    both = [(one, theirs[key]) for key, one in ours.items() if key in theirs]
    alone = [f"{_words(key)}: only in A" for key in ours if key not in theirs]
    alone += [f"{_words(key)}: only in B" for key in theirs if key not in ours]
    return Compared(tuple(_differences(a, b)), tuple(ratio for pair in both for ratio in _ratios(*pair)), tuple(alone))


_Key = tuple[str, float]


def _measured(found: Report) -> dict[_Key, PointRow]:
    return {(one.shape, one.size): one for one in found.points if one.outcome == "measured"}


def _words(key: _Key) -> str:
    return f"{key[0]}, size {key[1]:g}"


def _differences(a: Report, b: Report) -> Iterator[Difference]:
    names = sorted(a.metadata.keys() | b.metadata.keys(), key=lambda name: (name in _EXPECTED, name))
    for name in names:
        old, new = a.metadata.get(name, "unknown"), b.metadata.get(name, "unknown")
        if old != new:
            yield Difference(name, old, new)


def _ratios(one: PointRow, other: PointRow) -> Iterator[Ratio]:
    for metric in COMPARED:
        a, b = one.summary.get(metric), other.summary.get(metric)
        if a is None or b is None:
            continue
        yield Ratio(one.shape, one.size, metric, a.median, b.median, _apart(a, b))


def _apart(a: Summary, b: Summary) -> bool | None:
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return None
    return a.low > b.high or b.low > a.high
