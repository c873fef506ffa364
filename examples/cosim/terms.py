"""What both sides of a coupling must agree on before they start, and how each refuses the other."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

NETWORK, CELLS = "network", "cells"
_SAME = 1e-6  # two times that differ by less than this share are the same


class TermsError(Exception):
    """The two sides cannot be coupled; the text says why."""


@dataclass(frozen=True)
class Terms:
    """One side's times, in ms: its step, how often it exchanges spikes, how long it runs; and the neurons that it sends or awaits."""

    side: str
    step_ms: float
    interval_ms: float
    duration_ms: float
    neurons: int

    @property
    def delay_ms(self) -> float:
        """Of every connection from the network to a cell. While one epoch is exchanged the next is computed, so a spike travels for two."""
        return 2 * self.interval_ms

    @property
    def intervals(self) -> int:
        return round(self.duration_ms / self.interval_ms)


def agree(offers: Sequence[Terms]) -> Terms:
    """The network's terms, if all ranks of both sides can keep them. Raises TermsError."""
    sides = {one.side for one in offers}
    if sides != {NETWORK, CELLS}:
        raise TermsError(f"a coupling needs ranks of {NETWORK} and of {CELLS}; this world has {', '.join(sorted(sides))} only")
    network = next(one for one in offers if one.side == NETWORK)
    for one in offers:
        _require_multiples(one)
        for name in ("interval_ms", "duration_ms", "neurons"):
            mine, theirs = asdict(network)[name], asdict(one)[name]
            if not math.isclose(mine, theirs, rel_tol=_SAME):
                raise TermsError(f"{NETWORK} has {name} = {mine:g}, {one.side} has {theirs:g}: give both sides the same")
    return network


def _require_multiples(one: Terms) -> None:
    for name, part, whole in (("step_ms", one.step_ms, one.interval_ms), ("interval_ms", one.interval_ms, one.duration_ms)):
        if not (part > 0 and math.isfinite(whole)):
            raise TermsError(f"{one.side}: {name} = {part:g} must be greater than 0")
        times = whole / part
        if round(times) < 1 or not math.isclose(times, round(times), rel_tol=_SAME):
            raise TermsError(f"{one.side}: {name} = {part:g} must fit a whole number of times into {whole:g} ms; it fits {times:g} times")
