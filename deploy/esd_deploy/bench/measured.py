"""What a repetition wrote, checked: a job made it, so its form and its sizes are not believed."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esd_build.data.errors import ToolError
from esd_build.net.answers import printable
from esd_deploy.plans import paths

_LARGEST = 16 * 1024**2
_FILE = re.compile(r"bench/\d{1,4}\.json")
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**60)]
Name = Annotated[str, Field(max_length=100)]
Text = Annotated[str, Field(max_length=4000)]
Names = Annotated[dict[Name, Seconds], Field(max_length=100)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Activity(_Part):
    """The recorded neurons of one population, after the warm-up."""

    recorded: Count
    rate_hz: Seconds
    cv: Seconds | None = None
    correlation: Annotated[float, Field(ge=-1.001, le=1.001, allow_inf_nan=False)] | None = None


class Binding(_Part):
    """The processors on which a rank and its threads may run."""

    rank: Annotated[tuple[Count, ...], Field(max_length=10_000)] = ()
    threads: Annotated[tuple[Text, ...], Field(max_length=10_000)] = ()


class Energy(_Part):
    """J of the node during the simulation; None with the reason."""

    joules: Seconds | None = None
    how: Text = "unknown"


class NetworkSize(_Part):
    """What was built, as NEST counts it, and what the model's own formula says. Of a rank, `connections` are its own."""

    nodes: Count
    connections: Count
    expected_connections: Count | None = None
    neurons: Count
    delays_ms: tuple[Seconds, Seconds]
    ranks: Annotated[int, Field(ge=1)]
    virtual_processes: Annotated[int, Field(ge=1)]


class Rank(_Part):
    """One MPI rank: times in s, memory in kB."""

    host: Name
    times: Names
    construction: Names
    phases: Names
    memory: Annotated[dict[Name, Count], Field(max_length=50)]
    spikes: Count
    binding: Binding = Binding()
    energy: Energy = Energy()
    size: NetworkSize
    load: tuple[Seconds, Seconds] = (0.0, 0.0)
    facts: Annotated[dict[Name, Text], Field(max_length=300)] | None = None


class Repetition(_Part):
    """One start of the program."""

    repetition: Annotated[int, Field(ge=1, le=1000)]
    rng_seed: Count
    size: Seconds
    warm_up_ms: Seconds
    model_time_ms: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
    threads: Annotated[int, Field(ge=1)]
    populations: Annotated[dict[Name, Activity], Field(min_length=1, max_length=1000)]
    ranks: Annotated[tuple[Rank, ...], Field(min_length=1, max_length=1_000_000)]
    program_s: Seconds

    @property
    def network(self) -> NetworkSize:
        """The whole; a rank counts only the connections that end at its own neurons."""
        connections = sum(one.size.connections for one in self.ranks)
        return self.ranks[0].size.model_copy(update={"connections": connections})

    def time(self, name: str) -> float | None:
        """A time of Python's clock: that of the slowest rank."""
        return _most(one.times.get(name) for one in self.ranks)

    def timer(self, name: str) -> float | None:
        """A timer of NEST's, of construction or, for all others, of the measured simulation: that of the slowest rank."""
        part = "construction" if name.startswith("time_construction") or name == "time_communicate_prepare" else "phases"
        return _most(getattr(one, part).get(name) for one in self.ranks)

    def memory(self, name: str) -> int | None:
        """kB of all ranks together; None if one does not say."""
        found = [one.memory.get(name) for one in self.ranks]
        return None if None in found else sum(value for value in found if value is not None)

    @property
    def spikes(self) -> int:
        """Of all neurons, in the measured time."""
        return sum(one.spikes for one in self.ranks)

    @property
    def rate_hz(self) -> float:
        """Mean of all neurons, from NEST's own counter."""
        return 1000 * self.spikes / (max(1, self.network.neurons) * self.model_time_ms)

    @property
    def joules(self) -> float | None:
        """Of all nodes: each node's counters count once, whichever rank read them."""
        of_node = {one.host: one.energy.joules for one in self.ranks}
        return None if None in of_node.values() else math.fsum(one for one in of_node.values() if one is not None)

    @property
    def load(self) -> float:
        """The most processes that wanted to run on a node (mean of one minute), before or after."""
        return max(max(one.load) for one in self.ranks)


def _most(found: Iterable[float | None]) -> float | None:
    known = [one for one in found if one is not None]
    return max(known, default=None)


def read(folder: Path) -> tuple[tuple[Repetition, ...], tuple[str, ...]]:
    """All repetitions in a run's folder, and what is wrong with those that cannot be read."""
    found, wrong = [], []
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob("bench/*.json"))
    for name in names:
        if not _FILE.fullmatch(name):
            continue
        try:
            found.append(Repetition.model_validate_json(paths.read(folder, name, _LARGEST)))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            wrong.append(printable(f"{name}: {'.'.join(map(str, first['loc']))}: {first['msg']}", 200))
        except (ToolError, OSError) as error:
            wrong.append(printable(f"{name}: {error}", 200))
    return tuple(sorted(found, key=lambda one: one.repetition)), tuple(wrong)
