"""The ranks as a team: the first one hands out calls, all carry them out in step, and the first one merges the answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from esd_nest_server.kernel import Call, Kernel
from esd_nest_server.shares import Share, merged

Order = tuple[Call, ...] | None
"""Calls to carry out one after the other; None ends the rank."""


class Wire(Protocol):
    """What the ranks need of MPI (wire.py); tests use threads."""

    rank: int
    size: int

    def order(self, order: Order = None) -> Order:
        """The first rank's order, on every rank."""

    def any_failed(self, *, failed: bool) -> bool:
        """Whether a call failed on any rank. Ends the job if this rank failed and the others do not come: they wait for it in NEST."""

    def gather(self, value: Any) -> list[Any] | None:
        """Every rank's value, on the first rank; None on the others."""


class CallError(Exception):
    """A call failed on some rank; the message says which, and what it said. `number`: which call of the order, from 0."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True)
class Answer:
    """The answers to an order, and where the time went, in seconds: in NEST on the first rank, and in all."""

    values: list[Any]
    nest_s: float
    total_s: float


@dataclass(frozen=True)
class _Report:
    """What one rank did of an order."""

    shares: list[Share]
    failure: str | None
    nest_s: float


class Team:
    """This process in the team. On the first rank `ask` is called, on the others `follow`."""

    def __init__(self, wire: Wire, kernel: Kernel) -> None:
        self.wire = wire
        self.kernel = kernel

    def ask(self, calls: Sequence[Call]) -> Answer:
        """Have all ranks carry out the calls. Raises CallError at the first that fails on any rank; those before it stay done."""
        begun = time.perf_counter()
        self.wire.order(tuple(calls))
        reports = self.wire.gather(self._carried_out(tuple(calls)))
        if reports is None:
            raise AssertionError("only the first rank asks")
        _require_good(reports, calls)
        values = [_value(reports, number, call) for number, call in enumerate(calls)]
        return Answer(values, reports[0].nest_s, time.perf_counter() - begun)

    def follow(self) -> None:
        """Carry out orders until the first rank ends the team."""
        while (order := self.wire.order()) is not None:
            self.wire.gather(self._carried_out(order))

    def end(self) -> None:
        """End the other ranks."""
        self.wire.order(None)

    def _carried_out(self, calls: tuple[Call, ...]) -> _Report:
        """All ranks stop at the same call: one that went on alone would wait in NEST for ever."""
        shares: list[Share] = []
        nest_s, failure = 0.0, None
        for call in calls:
            begun = time.perf_counter()
            try:
                shares.append(self.kernel.call(call))
            except Exception as error:  # noqa: BLE001 - whatever NEST or its extensions raise, the rank must live on
                failure = _told(error)
            nest_s += time.perf_counter() - begun
            if self.wire.any_failed(failed=failure is not None):
                break
        return _Report(shares, failure, nest_s)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _require_good(reports: Sequence[_Report], calls: Sequence[Call]) -> None:
    """Raises CallError with the words of the ranks that failed: once where all said the same."""
    failed = {rank: report.failure for rank, report in enumerate(reports) if report.failure}
    if not failed:
        return
    number = min(len(reports[rank].shares) for rank in failed)
    some = (
        "" if len(failed) == len(reports) else f" on rank {', '.join(map(str, failed))} of {len(reports)} (the other ranks carried it out)"
    )
    words = "; ".join(dict.fromkeys(failed.values()))
    raise CallError(f"{calls[number].name} failed{some}: {words}", number)


def _value(reports: Sequence[_Report], number: int, call: Call) -> Any:
    try:
        return merged([report.shares[number] for report in reports])
    except (ValueError, KeyError, TypeError) as error:
        raise CallError(f"{call.name}: {_told(error)}", number) from error
