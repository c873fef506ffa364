"""Statistics of recorded spikes: mean rate, irregularity, correlation."""

from typing import Any

import numpy as np

LEAST_SPIKES = 5
"""A neuron with fewer has no useful coefficient of variation."""
PAIRED = 100
"""Neurons whose pairs are correlated, at most."""
BIN_MS = 5.0

Part = tuple[list[int], tuple[Any, Any]]
"""The recorded neurons, and what one rank saw of them: senders and times in ms."""


def of(parts: list[Part], start_ms: float, stop_ms: float) -> dict[str, float | int | None]:
    """One population's activity in (start, stop]; None where too few spikes were seen."""
    neurons = parts[0][0]
    senders = np.concatenate([np.asarray(events[0], dtype=np.int64) for _, events in parts])
    times = np.concatenate([np.asarray(events[1], dtype=float) for _, events in parts])
    within = (times > start_ms) & (times <= stop_ms)
    trains = _trains(neurons, senders[within], times[within])
    rate = 1000 * int(within.sum()) / (len(neurons) * (stop_ms - start_ms))
    return {
        "recorded": len(neurons),
        "spikes": int(within.sum()),
        "rate_hz": rate,
        "cv": _cv(trains),
        "correlation": _correlation(trains, start_ms, stop_ms),
    }


def _trains(neurons: list[int], senders: Any, times: Any) -> list[Any]:
    order = np.lexsort((times, senders))
    ids, sorted_times = senders[order], times[order]
    first = np.searchsorted(ids, neurons, side="left")
    last = np.searchsorted(ids, neurons, side="right")
    return [sorted_times[begin:end] for begin, end in zip(first, last, strict=True)]


def _cv(trains: list[Any]) -> float | None:
    intervals = [np.diff(train) for train in trains if len(train) >= LEAST_SPIKES]
    return float(np.mean([np.std(isi) / np.mean(isi) for isi in intervals])) if intervals else None


def _correlation(trains: list[Any], start_ms: float, stop_ms: float) -> float | None:
    """Mean of the Pearson coefficients of binned counts over all pairs of neurons that spiked."""
    chosen = [train for train in trains[:PAIRED] if len(train)]
    bins = int((stop_ms - start_ms) / BIN_MS)
    if len(chosen) < 2 or bins < 2:
        return None
    counts = np.array([np.histogram(train, bins=bins, range=(start_ms, stop_ms))[0] for train in chosen], dtype=float)
    counts = counts[counts.std(axis=1) > 0]
    if len(counts) < 2:
        return None
    found = np.corrcoef(counts)
    return float(found[np.triu_indices(len(counts), 1)].mean())
