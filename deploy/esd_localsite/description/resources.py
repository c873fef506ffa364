"""What a job asks of the batch system: units, limits, and the sbatch options they become."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from esd_localsite.description.config import Partition

_DURATION = re.compile(r"([0-9]{1,9})\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_MEMORY = re.compile(r"([0-9]{1,12})\s*([KMGT]?)")
_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_COUNT = re.compile(r"[0-9]{1,9}")
_WORD = re.compile(r"[\w.@:,=&|*()\[\]+-]+")
_OPTIONS_OF_ONE_WORD = {"Project": "account", "NodeConstraints": "constraint", "QoS": "qos", "Reservation": "reservation"}


class DescriptionError(Exception):
    """A request or job description is wrong; the message is for the client."""


@dataclass(frozen=True)
class Resources:
    """The `Resources` of a job description; None: not asked for."""

    queue: str | None = None
    nodes: int | None = None
    tasks_per_node: int | None = None
    tasks: int | None = None
    gpus_per_node: int | None = None
    memory_mib: int | None = None
    runtime_s: int | None = None
    exclusive: bool = False
    words: tuple[tuple[str, str], ...] = ()
    """Further sbatch options and their values, as given."""

    def sbatch_options(self) -> Iterator[str]:
        """`--name=value`, one by one. UNICORE has no cpus-per-task; `CPUsPerNode` counts tasks and needs `Nodes`."""
        if self.queue:
            yield f"--partition={self.queue}"
        yield from (f"--{name}={value}" for name, value in self.words)
        if self.nodes:
            yield f"--nodes={self.nodes}"
            if self.tasks_per_node:
                yield f"--ntasks-per-node={self.tasks_per_node}"
        elif self.tasks:
            yield f"--ntasks={self.tasks}"
        if self.gpus_per_node:
            yield f"--gres=gpu:{self.gpus_per_node}"
        if self.memory_mib:
            yield f"--mem={self.memory_mib}M"
        if self.runtime_s:
            yield f"--time={math.ceil(self.runtime_s / 60)}"
        if self.exclusive:
            yield "--exclusive"

    def check(self, partitions: Mapping[str, Partition]) -> None:
        """Raises DescriptionError for what no partition of the site could give."""
        if not partitions:
            return
        name = self.queue or next(iter(partitions))
        if name not in partitions:
            raise DescriptionError(f"No such queue: '{name}' (the site has {', '.join(partitions)})")
        limits = partitions[name]
        _check_range("Nodes", self.nodes, limits.max_nodes, name)
        _check_range("Runtime", self.runtime_s, limits.max_runtime_s, name)


NO_REQUEST = Resources()
"""The batch system's defaults."""


def parse_resources(value: object) -> Resources:
    """Raises DescriptionError, naming the resource."""
    if not isinstance(value, dict):
        raise DescriptionError("'Resources' must be a map")
    given = {str(name): str(amount).strip() for name, amount in value.items() if amount is not None and amount != ""}
    words = tuple((option, _word(name, given.pop(name))) for name, option in _OPTIONS_OF_ONE_WORD.items() if name in given)
    resources = Resources(
        queue=_word("Queue", given.pop("Queue")) if "Queue" in given else None,
        nodes=_count(given, "Nodes"),
        tasks_per_node=_count(given, "CPUsPerNode"),
        tasks=_count(given, "TotalCPUs"),
        gpus_per_node=_count(given, "GPUsPerNode"),
        memory_mib=_scaled(given, "Memory", _MEMORY, _BYTES, per=2**20),
        runtime_s=_scaled(given, "Runtime", _DURATION, _SECONDS),
        exclusive=given.pop("Exclusive", "false").lower() == "true",
        words=words,
    )
    if given:
        raise DescriptionError(f"Requested resource '{next(iter(given))}' is not available on this site")
    return resources


def _word(name: str, value: str) -> str:
    if not _WORD.fullmatch(value):
        raise DescriptionError(f"Value '{value}' of resource '{name}' is invalid")
    return value


def _count(given: dict[str, str], name: str) -> int | None:
    text = given.pop(name, None)
    if text is not None and not (_COUNT.fullmatch(text) and int(text) > 0):
        raise DescriptionError(f"Value '{text}' of resource '{name}' is invalid: a positive whole number is needed")
    return None if text is None else int(text)


def _scaled(given: dict[str, str], name: str, form: re.Pattern[str], units: Mapping[str, int], *, per: int = 1) -> int | None:
    text = given.pop(name, None)
    if text is None:
        return None
    match = form.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise DescriptionError(
            f"Value '{text}' of resource '{name}' is invalid: a whole number with one of the units {' '.join(filter(None, units))}"
        )
    return math.ceil(int(match[1]) * units[match[2]] / per)


def _check_range(name: str, value: int | None, maximum: int, queue: str) -> None:
    if value is not None and value > maximum:
        raise DescriptionError(f"Requested value {value} of resource '{name}' is out of range (1-{maximum}) in queue '{queue}'")
