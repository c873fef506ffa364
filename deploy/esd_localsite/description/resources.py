"""What a job asks of the batch system: units, limits and the sbatch options they become, as UNICORE/X and its TSI for Slurm do it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from esd_localsite.description.config import Partition

_AMOUNT = re.compile(r"\s*(\d*[.,]?\d*)\s*(\w*)\s*")
_Units: TypeAlias = Mapping[tuple[str, ...], int]
_BYTES: _Units = {
    ("bytes",): 1,
    ("K", "kilobytes", "kb"): 2**10,
    ("M", "megabytes", "mb"): 2**20,
    ("G", "gigabytes", "gb"): 2**30,
    ("T", "terabytes", "tb"): 2**40,
}
_SECONDS: _Units = {("sec", "seconds"): 1, ("min", "minutes"): 60, ("h", "hours"): 3600, ("d", "days"): 86400}
_UNITS: Mapping[str, _Units] = {"MemoryPerNode": _BYTES, "Runtime": _SECONDS}
_WORD = re.compile(r"[\w.@:,=&|*()\[\]+-]+")
_UNLIMITED = frozenset({"Project", "NodeConstraints", "QoS", "Reservation", "Exclusive"})
"""What every partition takes, whatever it is."""
_COMPUTE = frozenset({"Nodes", "CPUsPerNode", "TotalCPUs"})
_MIB = 2**20


class DescriptionError(Exception):
    """A request or job description is wrong; the message is for the client."""


@dataclass(frozen=True)
class Resources:
    """The `Resources` of a job description: name → value, in bytes and seconds."""

    requested: tuple[tuple[str, str], ...] = ()

    def granted(self, partitions: Mapping[str, Partition]) -> "Granted":
        """The resources with the partition's defaults. Raises DescriptionError for what it lacks. As in UNICORE, checked at submission."""
        given = dict(self.requested)
        queue = given.pop("Queue", next(iter(partitions), None))
        if partitions and queue not in partitions:
            raise DescriptionError(f"Resource request <Queue = {queue}> is out of range. (Invalid resource request)")
        limits = partitions[queue].limits if partitions and queue else {}
        if queue is not None:
            _check("Queue", queue, {}, queue)
        for name, value in given.items():
            _check(name, value, limits, queue)
        for name, value in (partitions[queue].defaults if partitions and queue else {}).items():
            if name not in given and not (name in _COMPUTE and _COMPUTE & given.keys()):
                given[name] = value
        return Granted(queue, tuple(given.items()))


NO_REQUEST = Resources()
"""The defaults of the partition."""


@dataclass(frozen=True)
class Granted:
    """What the batch system is asked for."""

    queue: str | None
    values: tuple[tuple[str, str], ...]

    def sbatch_options(self) -> Iterator[str]:
        """`--name=value`, one by one. There is no cpus-per-task; `CPUsPerNode` counts tasks and needs `Nodes`."""
        given = dict(self.values)
        if self.queue:
            yield f"--partition={self.queue}"
        if given.get("Exclusive") == "true":
            yield "--exclusive"
        if "Project" in given:
            yield f"--account={given['Project']}"
        yield from self._size()
        for name, option in (("NodeConstraints", "constraint"), ("QoS", "qos")):
            if name in given:
                yield f"--{option}={given[name]}"
        if self.memory_mib > 0:
            yield f"--mem={self.memory_mib}"
        if self.number("Runtime") > 0:
            yield f"--time={max(self.number('Runtime') // 60, 1)}"
        if "Reservation" in given:
            yield f"--reservation={given['Reservation']}"

    def _size(self) -> Iterator[str]:
        if self.number("Nodes") > 0:
            yield f"--nodes={self.number('Nodes')}"
            if self.number("CPUsPerNode") > 0:
                yield f"--ntasks-per-node={self.number('CPUsPerNode')}"
        elif self.number("TotalCPUs") > 0:
            yield f"--ntasks={self.number('TotalCPUs')}"
        if self.number("GPUsPerNode") > 0 and self.memory_mib > 0:
            yield f"--gpus-per-node={self.memory_mib}"  # UNICORE/X up to 3.1.0 passes the memory here, or nothing if none was asked

    @property
    def memory_mib(self) -> int:
        """MiB per node, in the server's 32 bits: 2 GiB and most multiples of it become 0."""
        wrapped = (self.number("MemoryPerNode") + 2**31) % 2**32 - 2**31
        return wrapped // _MIB if wrapped >= 0 else -1

    def number(self, name: str) -> int:
        """-1 if it is missing or not a number."""
        return _whole(dict(self.values).get(name, "")) or -1


def parse_resources(value: object) -> Resources:
    """Raises DescriptionError, naming the resource whose value cannot be read."""
    if not isinstance(value, dict):
        return NO_REQUEST
    renamed = (("MemoryPerNode" if name == "Memory" else str(name), str(name), str(amount)) for name, amount in value.items())
    return Resources(tuple((name, _value(name, given, amount)) for name, given, amount in renamed))


def _value(name: str, given: str, amount: str) -> str:
    try:
        if name in _UNITS:
            return str(_scaled(amount, _UNITS[name]))
    except ValueError as error:
        raise DescriptionError(f"Could not parse requested resource <{given}>: {error}") from error
    if name == "Exclusive":
        return str(amount.lower() == "true").lower()
    return amount


def _scaled(amount: str, units: _Units) -> int:
    """A whole number with a unit, or with its beginning: `m` for `minutes`. Raises ValueError."""
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        raise ValueError(f"No numerical value found in <{amount}>")
    number = _whole(match[1])
    if number is None:
        raise ValueError(f'For input string: "{match[1]}"')
    for names, factor in units.items():
        if not match[2] or any(name.startswith(match[2]) for name in names):
            return number * (factor if match[2] else 1)
    raise ValueError(f"No conversion for unit '{match[2]}'")


def _whole(text: str) -> int | None:
    """A whole number of 64 bits."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def _check(name: str, value: str, limits: Mapping[str, tuple[int, int]], queue: str | None) -> None:
    if name in _UNLIMITED or not limits:
        if not _WORD.fullmatch(value):
            raise DescriptionError(f"Illegal characters in '{value}' of resource <{name}>")
        return
    if name not in limits:
        raise DescriptionError(f"Resource <{name}> is not available for partition <{queue}> (Invalid resource request)")
    least, most = limits[name]
    number = _whole(value)
    if number is None or not least <= number <= most:
        raise DescriptionError(f"Resource request <{name}={value}> is out of range. (Invalid resource request)")
