"""What n ranks answered, merged into what one rank would have answered. Pure.

Nodes: a neuron's owner knows its state, other ranks only its model. Recorders and stimulators have a copy on each rank: the events of a
recorder are spread over the copies. A connection is known to the rank that has its target.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

Columns = Mapping[str, Sequence[Any]]
_SUMMED = frozenset({"num_connections", "local_spike_counter", "node_collection_size"})
"""Of the kernel's status: counted by each rank for itself. Times of a rank are neither summed nor alike: the longest counts."""
_ORDER = ("source", "target", "synapse_model", "delay", "weight")
"""By these, connections are sorted: ranks and threads have an order of their own."""


class MergeError(ValueError):
    """The answers of the ranks do not make one answer."""


@dataclass(frozen=True)
class Share:
    """One rank's part of an answer, and how it is merged (a name of `RULES`). `keys` as in NEST's GetStatus: None is all of them."""

    rule: str
    data: Any
    keys: str | Sequence[str] | None = None


def merged(shares: Sequence[Share]) -> Any:
    """The answer. Raises MergeError, or KeyError for a key that no rank knows."""
    first = shares[0]
    return RULES[first.rule]([share.data for share in shares], first.keys)


def _same(found: Sequence[Any], _keys: object) -> Any:
    if not all(_alike(found[0], other) for other in found[1:]):
        raise MergeError("the ranks answered differently, and this call has no rule for that; ask for each rank's own data by GetStatus")
    return found[0]


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, numpy.ndarray) or isinstance(other, numpy.ndarray):
        return numpy.array_equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other or (one != one and other != other))  # noqa: PLR0124 - not a number


def _spread(found: Sequence[Any], _keys: object) -> Any:
    """What scripts hand back: alike on all ranks, but the events of recorders, which are joined wherever they are."""
    return _woven(found, "the answer")


def _woven(found: Sequence[Any], where: str) -> Any:
    first = found[0]
    if all(isinstance(one, Mapping) for one in found):
        if any(one.keys() != first.keys() for one in found):
            raise MergeError(f"{where} has other keys on other ranks")
        if {"times", "senders"} <= first.keys():
            return events(found)
        return {name: _woven([one[name] for one in found], f"{where}[{name!r}]") for name in first}
    if all(isinstance(one, list | tuple) and len(one) == len(first) for one in found):
        return [_woven(some, f"{where}[{place}]") for place, some in enumerate(zip(*found, strict=True))]
    if not all(_alike(first, other) for other in found[1:]):
        raise MergeError(f"{where} differs between the ranks; a script can hand back a recorder's `events`, which are joined")
    return first


def _kernel(found: Sequence[Mapping[str, Any]], keys: str | Sequence[str] | None) -> Any:
    first = found[0]

    def one(name: str) -> Any:
        values = [status[name] for status in found]
        if name in _SUMMED:
            return sum(values)
        return max(values) if name.startswith("time_") and isinstance(first[name], int | float) else first[name]

    return _chosen({name: one(name) for name in first}, keys)


def _chosen(status: Mapping[str, Any], keys: str | Sequence[str] | None) -> Any:
    if keys is None:
        return status
    return status[keys] if isinstance(keys, str) else [status[key] for key in keys]


def _nodes(found: Sequence[Columns], keys: str | Sequence[str] | None) -> list[Any]:
    """GetStatus of nodes: one entry for each node, in the order of the nodes."""
    names = sorted(set().union(*found))
    count = len(found[0]["element_type"])
    wanted = names if keys is None else [keys] if isinstance(keys, str) else list(keys)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise KeyError(*missing)
    status = [_node(found, wanted, number) for number in range(count)]
    if keys is None:
        return [{name: value for name, value in one.items() if value is not None} for one in status]
    return [_chosen(one, keys) for one in status]


def _node(found: Sequence[Columns], names: Iterable[str], number: int) -> dict[str, Any]:
    """The status of one node. Its owner's word counts; of a device, which all ranks own, the first rank's."""
    ranks = [columns for columns in found if columns["local"][number]] or found
    recorder = found[0]["element_type"][number] == "recorder"

    def one(name: str) -> Any:
        values = [columns[name][number] for columns in ranks if name in columns and columns[name][number] is not None]
        if not values:
            return None
        join = _JOINED.get(name) if recorder else None
        return join(values) if join else values[0]

    return {name: one(name) for name in names}


def events(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The events of a recorder's copies, sorted by time and sender."""
    joined = {name: numpy.concatenate([numpy.asarray(one[name]) for one in found]) for name in found[0]}
    if not {"times", "senders"} <= joined.keys():
        return joined
    order = numpy.lexsort((joined["senders"], joined["times"]))
    return {name: values[order] for name, values in joined.items()}


_JOINED: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "events": events,
    "n_events": sum,
    "filenames": lambda values: [name for names in values for name in names],
}


def _connections(found: Sequence[Columns], keys: str | Sequence[str] | None) -> Any:
    """Without keys a list for each key, as NEST Server answers; with keys as GetStatus does, one entry for each connection."""
    columns = _sorted(
        {name: [value for one in found for value in one.get(name, ())] for name in {name: None for one in found for name in one}}
    )
    if keys is None:
        return columns
    if not columns:
        return []
    return columns[keys] if isinstance(keys, str) else [list(row) for row in zip(*(columns[key] for key in keys), strict=True)]


def _sorted(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    by = [columns[name] for name in _ORDER if name in columns]
    order = sorted(range(len(by[0])), key=lambda number: tuple(values[number] for values in by)) if by else []
    return {name: [values[number] for number in order] for name, values in columns.items()}


RULES: Mapping[str, Callable[[Sequence[Any], str | Sequence[str] | None], Any]] = {
    "same": _same,
    "spread": _spread,
    "kernel": _kernel,
    "nodes": _nodes,
    "connections": _connections,
}
