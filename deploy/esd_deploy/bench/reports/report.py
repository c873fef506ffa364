"""What a series showed: its metadata, and each point with its repetitions, spread and verdict. This is the JSON file of a series."""

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esd_build.data.errors import UsageError
from esd_build.net.answers import printable
from esd_deploy.studies.probes import Interval

FILE_NAME = "series.json"
_LARGEST = 256 * 1024**2
Scaling = Literal["strong", "weak"]
Outcome = Literal["measured", "void", "failed"]
"""measured: at least three repetitions count · void: the network or its activity is not the model's · failed: too few results."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Summary(_Part):
    """One metric over the repetitions that count. `low` and `high`: 95 % interval of the mean; none for fewer than two."""

    n: int
    median: float
    mean: float
    deviation: float = 0.0
    low: float | None = None
    high: float | None = None
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Summary":
        """Raises ValueError for no value."""
        if not values:
            raise ValueError("nothing to sum up")
        bounds = {"n": len(values), "median": statistics.median(values), "mean": statistics.fmean(values)}
        ends = {"least": min(values), "most": max(values)}
        if len(values) < 2:
            return cls(**bounds, **ends)
        interval = Interval.of(values)
        low, high = interval.mean - interval.half, interval.mean + interval.half
        return cls(**bounds, **ends, deviation=statistics.stdev(values), low=low, high=high)

    @property
    def spread(self) -> float:
        """Standard deviation over mean."""
        return self.deviation / self.mean if self.mean else 0.0

    def shown(self, digits: int) -> str:
        """The median with the 95 % interval of the mean."""
        median = f"{self.median:.{digits}g}"
        return median if self.low is None or self.high is None else f"{median} [{self.low:.{digits}g}, {self.high:.{digits}g}]"


class RepetitionRow(_Part):
    """One repetition. `void`: why it does not count; empty if it does. `load`: processes that wanted to run on a node, mean of a minute."""

    repetition: int
    run: str
    rng_seed: int
    load: float
    void: tuple[str, ...] = ()
    values: dict[str, float | None]
    memory_kb: dict[str, int | None] = Field(default_factory=dict)


class Activity(_Part):
    """One population, mean over the repetitions that could tell."""

    rate_hz: float
    cv: float | None = None
    correlation: float | None = None


class PointRow(_Part):
    """One point. `base`: its size, or under weak scaling that of one virtual process."""

    nodes: int
    tasks_per_node: int
    threads: int
    size: float
    base: float
    network_nodes: int | None = None
    connections: int | None = None
    outcome: Outcome
    reasons: tuple[str, ...] = ()
    noisy: bool = False
    runs: tuple[str, ...] = ()
    repetitions: tuple[RepetitionRow, ...] = ()
    summary: dict[str, Summary] = Field(default_factory=dict)
    activity: dict[str, Activity] = Field(default_factory=dict)
    binding: tuple[str, ...] = ()
    energy: str = "unknown"
    node_hours_job: float | None = None
    memory_by_slurm_kb: int | None = None
    speedup: float | None = None
    efficiency: float | None = None

    @property
    def processes(self) -> int:
        """Virtual processes: threads of all ranks."""
        return self.nodes * self.tasks_per_node * self.threads

    @property
    def shape(self) -> str:
        """Nodes x ranks on each x threads of each."""
        return f"{self.nodes} x {self.tasks_per_node} x {self.threads}"

    @property
    def counting(self) -> tuple[RepetitionRow, ...]:
        """Those that count."""
        return tuple(one for one in self.repetitions if not one.void)

    def median(self, metric: str) -> float | None:
        """None where it is unknown."""
        found = self.summary.get(metric)
        return None if found is None else found.median


class Report(_Part):
    """A whole series. `metadata`: name → value, all that R-003-51 asks for."""

    version: Literal[1] = 1
    name: str
    description: str
    scaling: Scaling
    model: str
    size: str
    site: str
    noise: float
    model_time_ms: float
    repetitions: int
    created: str
    metadata: dict[str, str]
    points: tuple[PointRow, ...]

    def of_size(self, base: float) -> tuple[PointRow, ...]:
        """The measured points of one size, the smallest first."""
        found = [one for one in self.points if one.base == base and one.outcome == "measured"]
        return tuple(sorted(found, key=lambda one: (one.processes, one.nodes)))

    @property
    def bases(self) -> tuple[float, ...]:
        """All sizes that the series names."""
        return tuple(dict.fromkeys(one.base for one in self.points))


def with_scaling(points: Sequence[PointRow], scaling: Scaling) -> tuple[PointRow, ...]:
    """The points with speed-up T(first)/T and efficiency, each against the smallest measured point of its size."""
    first: dict[float, PointRow] = {}
    for one in sorted(points, key=lambda one: (one.processes, one.nodes)):
        if one.outcome == "measured" and one.median("time_simulate"):
            first.setdefault(one.base, one)
    return tuple(_scaled(one, first, scaling) for one in points)


def _scaled(one: PointRow, first: Mapping[float, PointRow], scaling: Scaling) -> PointRow:
    own = one.median("time_simulate") if one.outcome == "measured" else None
    if own is None or not own or one.base not in first:
        return one
    start = first[one.base]
    speedup = (start.median("time_simulate") or 0.0) / own
    efficiency = speedup if scaling == "weak" else speedup * start.processes / one.processes
    return one.model_copy(update={"speedup": speedup, "efficiency": efficiency})


def read(path: Path) -> Report:
    """A report by its file, or the folder that it is in. Raises UsageError for any other file."""
    place = path / FILE_NAME if path.is_dir() else path
    try:
        if place.stat().st_size > _LARGEST:
            raise UsageError(f"{place}: more than {_LARGEST // 1024**2} MB; this is no report of `esd-deploy bench`")
        return Report.model_validate_json(place.read_bytes())
    except OSError as error:
        raise UsageError(f"{place}: {error.strerror}; name the folder that `esd-deploy bench FILE` wrote, or its {FILE_NAME}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(printable(f"{place} is no report of `esd-deploy bench`: {where}: {first['msg']}", 300)) from error
