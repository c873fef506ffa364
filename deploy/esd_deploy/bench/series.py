"""What a series measures: `benchmarks/<name>.yaml` and the model that it names, as strict data."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from esd_build.data import documents
from esd_build.data.documents import Document
from esd_build.data.errors import ConfigError
from esd_deploy.bench.reports.report import Scaling
from esd_deploy.plans.launch import Shape
from esd_deploy.sites.config import Binding, Cpus, Hint

MOST_POINTS = 500
Many = Annotated[int, Field(ge=1, le=100_000)]
Size = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Ms = Annotated[float, Field(gt=0, le=1e7, allow_inf_nan=False)]


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("the first number is the lower bound")
    return bounds


Bounds = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""The least and the most."""


def _beside(path: str) -> str:
    if PurePosixPath(path).is_absolute():
        raise ValueError("a path beside this file, not an absolute one")
    return path


Beside = Annotated[str, AfterValidator(_beside)]
"""A file, by its path from the folder of the file that names it."""


class Expected(Document):
    """The activity in which a population counts as this model: mean rate (1/s), CV of the intervals, correlation in bins of 5 ms."""

    rate_hz: Bounds
    cv: Bounds | None = None
    correlation: Bounds | None = None


class Model(Document):
    """A model that can be measured. `nodes` and `connections` are polynomials of the size, lowest power first."""

    folder: Path
    description: str
    program: Beside
    inputs: tuple[Beside, ...] = ()
    requirements: Beside | None = None
    size: str
    sizes: Bounds
    resolution_ms: Ms = 0.1
    sample: Annotated[int, Field(ge=1, le=100_000)] = 200
    nodes: tuple[float, ...] | None = None
    connections: tuple[float, ...] | None = None
    activity: dict[str, Expected]

    def file(self, path: str) -> Path:
        """A file that the model names."""
        return self.folder / path


class Series(Document):
    """Which points are measured. Under weak scaling a size is that of one virtual process (a thread of a rank)."""

    name: str
    folder: Path
    description: str
    model: Beside
    scaling: Scaling
    image: str | None = None
    sizes: Annotated[tuple[Size, ...], Field(min_length=1)]
    nodes: Annotated[tuple[Many, ...], Field(min_length=1)] = (1,)
    tasks_per_node: Annotated[tuple[Many, ...], Field(min_length=1)] = (1,)
    threads: Annotated[tuple[Many, ...], Field(min_length=1)] = (1,)
    repetitions: Annotated[int, Field(ge=3, le=100)] = 5
    seed: Annotated[int, Field(ge=1, le=2**31)] = 1
    warm_up_ms: Ms
    model_time_ms: Ms
    time_s: Annotated[int, Field(ge=10, le=7 * 86400)]
    """Limit of one repetition, from its start to its end."""
    noise: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Standard deviation over mean of the simulation's time, above which a point is called noisy."""
    bind: Cpus | None = None
    hint: Hint | None = None
    exclusive: bool = False
    environment: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _few(self) -> Self:
        number = len(self.sizes) * len(self.nodes) * len(self.tasks_per_node) * len(self.threads)
        if number > MOST_POINTS:
            raise ValueError(f"{number} points; a series has at most {MOST_POINTS}: cut it in several files")
        return self

    @property
    def tag(self) -> str:
        """By which its runs are found among others."""
        return f"bench-{self.name}"

    @property
    def points(self) -> "tuple[Point, ...]":
        """All points, each once: sizes apart, the smallest shapes first."""
        binding = Binding(bind=self.bind, hint=self.hint, exclusive=self.exclusive)
        shapes = [Shape(*one, binding=binding) for one in product(self.nodes, self.tasks_per_node, self.threads)]
        ordered = sorted(dict.fromkeys(shapes), key=lambda one: (processes(one), one.nodes, one.ranks))
        return tuple(Point(self.scaled(size, one), size, one) for size in dict.fromkeys(self.sizes) for one in ordered)

    def scaled(self, size: float, shape: Shape) -> float:
        """The size of the whole network."""
        return size * processes(shape) if self.scaling == "weak" else size


def processes(shape: Shape) -> int:
    """Virtual processes, in NEST's sense: threads of all ranks."""
    return shape.ranks * shape.threads


@dataclass(frozen=True)
class Point:
    """One point of a series: a network on a shape. `base`: the size that the series names."""

    size: float
    base: float
    shape: Shape

    def __str__(self) -> str:
        one = self.shape
        return f"size {self.size:g} on {one.nodes} x {one.tasks_per_node} x {one.threads}"


def load(path: Path) -> tuple[Series, Model]:
    """A series and its model. Raises ConfigError for a file that is no series, and for sizes that the model does not have."""
    series = documents.load(path, Series, name=_name(path), folder=path.parent)
    model = load_model(path.parent / series.model)
    least, most = model.sizes
    for point in series.points:
        if not least <= point.size <= most:
            raise ConfigError(
                f"{path}: {point}: the model takes sizes from {least:g} to {most:g} ({model.size}); change `sizes`, or `sizes` of "
                f"{series.model} if you know that its activity holds there"
            )
    return series, model


def load_model(path: Path) -> Model:
    """A model by its file. Raises ConfigError if one of the files that it names is not there."""
    model = documents.load(path, Model, folder=path.parent)
    named = (model.program, *model.inputs, *(() if model.requirements is None else (model.requirements,)))
    for one in named:
        if not model.file(one).is_file():
            raise ConfigError(f"{path}: no file {model.file(one)}")
    return model


def _name(path: Path) -> str:
    name = path.stem.lower().replace("_", "-")
    if not name or not all(one.isalnum() or one == "-" for one in name) or not name.isascii():
        raise ConfigError(f"{path}: the name of a series is letters, digits, - and _; rename the file")
    return name
