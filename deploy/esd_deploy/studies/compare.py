"""Two runs side by side: do their statistics agree, are their spikes the same, which versions differ. Pure but `spike_hash`."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from esd_build.data.errors import UsageError
from esd_deploy.display import tables
from esd_deploy.records.record import RunRecord

Verdict = Literal["same", "agrees", "differs", "unknown"]


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may lie apart: a share of the greater for rates, a difference for coefficients, which lie near 0 to 1."""

    rate: float = 0.1
    coefficient: float = 0.05

    def holds(self, name: str, a: float, b: float) -> bool:
        """Whether two values of a metric agree."""
        if any(word in name for word in ("cv_", "correlation", "_cc")):
            return abs(a - b) <= self.coefficient
        return math.isclose(a, b, rel_tol=self.rate, abs_tol=1e-12)


@dataclass(frozen=True)
class Line:
    """One thing compared; a value that a run does not have is None."""

    name: str
    a: float | str | None
    b: float | str | None
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """All lines; `agree` unless a statistic differs or the spikes could not be compared at all."""

    a: str
    b: str
    statistics: tuple[Line, ...]
    versions: tuple[Line, ...]

    def _repr_html_(self) -> str:
        rows = [(line.name, line.a, line.b, line.verdict) for line in (*self.statistics, *self.versions)]
        return tables.table("agree" if self.agree else "do not agree", rows, ("", self.a, self.b, ""))

    @property
    def agree(self) -> bool:
        return bool(self.statistics) and all(line.verdict in {"same", "agrees"} for line in self.statistics)

    @property
    def same_spikes(self) -> bool:
        return any(line.name == "spikes" and line.verdict == "same" for line in self.statistics)


def compare(a: RunRecord, b: RunRecord, tolerance: Tolerance, *, spikes: tuple[str | None, str | None] = (None, None)) -> Comparison:
    """Metrics of rate, irregularity and correlation; times are the machine's, and not compared. Raises UsageError if none is shared."""
    statistics = tuple(
        _number(name, a.metrics.get(name), b.metrics.get(name), tolerance)
        for name in sorted(a.metrics.keys() | b.metrics.keys())
        if any(word in name for word in ("rate", "cv_", "correlation", "_cc", "spikes"))
    )
    if any(spikes):
        statistics = (_text("spikes", *(value and value[:16] for value in spikes)), *statistics)
    if not statistics:
        raise UsageError(f"runs '{a.id}' and '{b.id}' share nothing to compare: no rates, no spikes-*.nix among their results")
    # Different spikes with agreeing statistics are what another number of ranks gives.
    relaxed = tuple(
        Line(one.name, one.a, one.b, "agrees") if one.name == "spikes" and one.verdict == "differs" and len(statistics) > 1 else one
        for one in statistics
    )
    names = sorted(a.versions.keys() | b.versions.keys())
    versions = tuple(_text(name, a.versions.get(name), b.versions.get(name)) for name in names)
    return Comparison(a.id, b.id, relaxed, (*_number_of_many(a, b), *versions))


def _number_of_many(a: RunRecord, b: RunRecord) -> tuple[Line, ...]:
    """Runs of one submission differ by their number ($ESD_RUN_INDEX): told, for it may well be why their results differ."""
    if a.index is None and b.index is None:
        return ()
    return (Line("number of many", a.index, b.index, "same" if a.index == b.index else "differs"),)


def spike_hash(folder: Path) -> str | None:
    """A hash of all spike times in `spikes-*.nix`, to the last bit, and of nothing else; None if there are none."""
    paths = sorted(folder.glob("spikes-*.nix"))
    if not paths:
        return None
    import neo  # noqa: PLC0415 - takes a second, which a command that compares nothing need not wait

    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode())
        with neo.io.NixIO(str(path), mode="ro") as file:
            for segment in file.read_block().segments:
                for train in segment.spiketrains:
                    digest.update(train.rescale("ms").magnitude.astype("<f8").tobytes())
                    digest.update(b"|")
    return digest.hexdigest()


def _number(name: str, a: float | None, b: float | None, tolerance: Tolerance) -> Line:
    if a is None or b is None:
        return Line(name, a, b, "unknown")
    return Line(name, a, b, "same" if a == b else "agrees" if tolerance.holds(name, a, b) else "differs")


def _text(name: str, a: str | None, b: str | None) -> Line:
    return Line(name, a, b, "unknown" if a is None or b is None else "same" if a == b else "differs")
