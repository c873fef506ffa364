"""Do two machines run the same network? Distributions over neurons, pairs and seeds, not means with a fixed tolerance. Pure.

Neurons of one run share their input, so they are no independent samples: a Kolmogorov-Smirnov or rank test over neurons calls differences
significant that another seed makes as well. So each distance is also held against the distances between runs that differ in the seed alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean, and where it lies with 95 %."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{_short(self.mean)} [{_short(self.low)}, {_short(self.high)}]"

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def _short(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.4f}"


def of_mean(values: np.ndarray, draws: int = 2000) -> Interval:
    """A bootstrap interval of the mean over neurons or pairs; nan without values."""
    finite = values[np.isfinite(values)]
    if len(finite) < 2:
        return Interval(float(finite.mean()) if len(finite) else math.nan, math.nan, math.nan)
    rng = np.random.default_rng(0)
    means = finite[rng.integers(0, len(finite), (draws, len(finite)))].mean(axis=1) if len(finite) <= 5000 else _normal(finite, draws, rng)
    low, high = np.quantile(means, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(float(finite.mean()), float(low), float(high))


def _normal(values: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Of many values the mean is normal; drawing them all again would take gigabytes."""
    return rng.normal(values.mean(), values.std() / math.sqrt(len(values)), draws)


def of_next_run(means: Sequence[float]) -> Interval:
    """Where the mean of one more run of the same network, with another seed, lies with 95 % (Student's t)."""
    values = np.asarray(means)
    if len(values) < 2:
        return Interval(float(values.mean()) if len(values) else math.nan, math.nan, math.nan)
    reach = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) * math.sqrt(1 + 1 / len(values))
    return Interval(float(values.mean()), float(values.mean() - reach), float(values.mean() + reach))


@dataclass(frozen=True)
class Distance:
    """Two sets of runs, in one observable.

    `ks`, `ks_p`: Kolmogorov-Smirnov over all neurons or pairs; `rank_p`: Mann-Whitney over them. `noise`: the 95th percentile of the same
    distance between single runs of the reference. `seeds_p`: Mann-Whitney over the runs' means, whose samples alone are independent.
    """

    ks: float
    ks_p: float
    rank_p: float
    noise: float
    between: float
    """The median distance of a single run of one set from a single run of the other."""
    seeds_p: float
    next_run: Interval
    mean: float

    @property
    def verdict(self) -> str:
        """`unknown` where the reference has too few seeds to say what noise is."""
        if not all(map(math.isfinite, (self.noise, self.between, self.next_run.low, self.mean))):
            return "unknown"
        inside = self.between <= self.noise and self.next_run.holds(self.mean)
        return "within seeds' noise" if inside and not self.seeds_p < (1 - LEVEL) else "differs"


def distance(reference: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> Distance:
    """Compare runs (one array of an observable for each seed) with the reference's runs."""
    a, b = (np.concatenate([run[np.isfinite(run)] for run in runs]) for runs in (reference, other))
    if not (len(a) and len(b)):
        return Distance(*(math.nan,) * 6, of_next_run([]), math.nan)
    whole = stats.ks_2samp(a, b)
    alone = [_ks(one, two) for one, two in itertools.combinations(reference, 2)]
    across = [_ks(one, two) for one in reference for two in other]
    means = [_means(reference), _means(other)]
    return Distance(
        ks=float(whole.statistic),
        ks_p=float(whole.pvalue),
        rank_p=float(stats.mannwhitneyu(a, b).pvalue),
        noise=float(np.quantile(alone, LEVEL)) if len(alone) > 2 else math.nan,
        between=float(np.median(across)),
        seeds_p=float(stats.mannwhitneyu(*means).pvalue) if min(map(len, means)) > 2 else math.nan,
        next_run=of_next_run(means[0]),
        mean=float(np.mean(means[1])),
    )


def _means(runs: Sequence[np.ndarray]) -> list[float]:
    return [float(np.nanmean(run)) for run in runs if np.isfinite(run).any()]


def _ks(one: np.ndarray, two: np.ndarray) -> float:
    one, two = one[np.isfinite(one)], two[np.isfinite(two)]
    return float(stats.ks_2samp(one, two).statistic) if len(one) and len(two) else 1.0


def first_divergence(one: Sequence[np.ndarray], two: Sequence[np.ndarray], within_ms: float = 1e-6) -> float | None:
    """The time (ms) of the first spike that only one of two runs has; None if all spikes are the same."""
    earliest = math.inf
    for a, b in zip(one, two, strict=True):
        shared = min(len(a), len(b))
        apart = np.flatnonzero(np.abs(np.sort(a)[:shared] - np.sort(b)[:shared]) > within_ms)
        if len(apart):
            earliest = min(earliest, np.sort(a)[apart[0]], np.sort(b)[apart[0]])
        elif len(a) != len(b):
            earliest = min(earliest, float(np.sort(a if len(a) > shared else b)[shared]))
    return None if math.isinf(earliest) else float(earliest)
