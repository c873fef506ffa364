"""Whether a repetition counts: its network has the right size, and its activity is that of the model. Pure."""

from collections.abc import Iterator

from esd_deploy.bench.measured import Activity, Repetition
from esd_deploy.bench.series import Bounds, Expected, Model, Series

_UNCOUNTED = 1e-6
"""Of a polynomial: what rounding may leave."""


def void(one: Repetition, series: Series, model: Model) -> tuple[str, ...]:
    """Why a repetition does not count; empty if it does."""
    return (*_other_work(one, series), *_wrong_size(one, model), *_wrong_activity(one, model))


def _other_work(one: Repetition, series: Series) -> Iterator[str]:
    for what, found, asked in (
        ("ms of model time", one.model_time_ms, series.model_time_ms),
        ("ms of warm-up", one.warm_up_ms, series.warm_up_ms),
    ):
        if found != asked:
            yield f"it ran {found:g} {what} instead of {asked:g}"
    if one.network.virtual_processes != one.network.ranks * one.threads or len(one.ranks) != one.network.ranks:
        yield (
            f"NEST had {one.network.virtual_processes} virtual processes in {one.network.ranks} ranks, "
            f"and {len(one.ranks)} ranks of {one.threads} threads report"
        )


def _wrong_size(one: Repetition, model: Model) -> Iterator[str]:
    size = one.network
    for what, found, formula in (("nodes", size.nodes, model.nodes), ("connections", size.connections, model.connections)):
        expected = None if formula is None else polynomial(formula, one.size)
        if expected is not None and found != expected:
            yield f"{found:,} {what} instead of {expected:,}"
    if size.expected_connections is not None and size.connections != size.expected_connections:
        yield f"{size.connections:,} connections; the model's own formula gives {size.expected_connections:,}"


def polynomial(coefficients: tuple[float, ...], size: float) -> int:
    """Its value at a size; a count, so it is rounded."""
    return round(sum(one * size**power for power, one in enumerate(coefficients)) + _UNCOUNTED)


def _wrong_activity(one: Repetition, model: Model) -> Iterator[str]:
    for name, expected in model.activity.items():
        found = one.populations.get(name)
        if found is None:
            yield f"no population {name} was recorded"
        else:
            yield from _outside(name, found, expected)


def _outside(name: str, found: Activity, expected: Expected) -> Iterator[str]:
    for what, value, bounds in (
        ("rate (1/s)", found.rate_hz, expected.rate_hz),
        ("CV", found.cv, expected.cv),
        ("correlation", found.correlation, expected.correlation),
    ):
        if bounds is not None and not _within(value, bounds):
            shown = "unknown: too few spikes" if value is None else f"{value:.3g}"
            yield f"{name}: {what} {shown}, expected {bounds[0]:g} to {bounds[1]:g}"


def _within(value: float | None, bounds: Bounds) -> bool:
    return value is not None and bounds[0] <= value <= bounds[1]
