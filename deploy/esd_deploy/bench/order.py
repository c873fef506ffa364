"""From a series to the runs that measure it. Each point is one run, whose repetitions share an allocation where the site allows. Pure."""

import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from esd_deploy.bench.series import Model, Point, Series
from esd_deploy.inputs.parameters import Parameters
from esd_deploy.plans.launch import Repeats, Shape
from esd_deploy.plans.limits import most, settled
from esd_deploy.plans.request import Request
from esd_deploy.sites.config import SiteConfig

PROGRAM = "measure.py"
BESIDE = ("activity.py", "host.py", "meters.py")
START_S = 120
"""Of an allocation: for the checks before the first repetition."""


@dataclass(frozen=True)
class Where:
    """What the user adds to a series: the image, and whom the site charges where."""

    image: str | None = None
    partition: str | None = None
    account: str | None = None


@dataclass(frozen=True)
class Group:
    """The points of one shape: one request, with a run for each set of parameters."""

    request: Request
    points: tuple[Point, ...]
    together: bool
    """All repetitions of a point are in one run; otherwise each is a run."""
    repetitions: int

    @property
    def combinations(self) -> tuple[Parameters, ...]:
        """The parameters of each run, in the order of the points."""
        return tuple(one for point in self.points for one in self.of(point))

    def of(self, point: Point) -> tuple[Parameters, ...]:
        """The runs of one point."""
        size = int(point.size) if point.size == int(point.size) else point.size
        if self.together:
            return ((("size", size),),)
        return tuple((("size", size), ("repetition", number)) for number in range(1, self.repetitions + 1))


def groups(series: Series, model: Model, site: SiteConfig, where: Where, never: Iterable[Path] = ()) -> tuple[Group, ...]:
    """All groups, the smallest shapes first."""
    ordered = sorted(series.points, key=lambda one: _order(one.shape))
    together = shares(series, site, where)
    return tuple(
        Group(_request(series, model, shape, where, tuple(never), together=together), tuple(points), together, series.repetitions)
        for shape, points in groupby(ordered, key=lambda one: one.shape)
    )


def shares(series: Series, site: SiteConfig, where: Where) -> bool:
    """Whether all repetitions of a point fit into one allocation of the site."""
    if site.kind != "unicore":
        return False
    return series.repetitions * series.time_s + START_S <= most(settled(site, where.partition, where.account)).time_s


def _order(shape: Shape) -> tuple[int, int, int, int]:
    return (shape.ranks * shape.threads, shape.nodes, shape.ranks, shape.threads)


def _request(series: Series, model: Model, shape: Shape, where: Where, never: tuple[Path, ...], *, together: bool) -> Request:
    job = Path(str(importlib.resources.files("esd_deploy") / "bench" / "job"))
    number = series.repetitions if together else 1
    return Request(
        script=job / PROGRAM,
        arguments=_arguments(series, model),
        image=where.image or series.image,
        shape=shape,
        time_s=number * series.time_s + START_S,
        inputs=(*(job / name for name in BESIDE), *(model.file(name) for name in (model.program, *model.inputs))),
        partition=where.partition,
        account=where.account,
        tags=(series.tag,),
        name=None,
        environment=tuple(series.environment.items()),
        never=never,
        repeats=Repeats(number, series.time_s),
    )


def _arguments(series: Series, model: Model) -> tuple[str, ...]:
    asked = {
        "model": Path(model.program).name,
        "warm-up-ms": f"{series.warm_up_ms:g}",
        "model-time-ms": f"{series.model_time_ms:g}",
        "resolution-ms": f"{model.resolution_ms:g}",
        "seed": str(series.seed),
        "sample": str(model.sample),
    }
    return tuple(f"--{name}={value}" for name, value in asked.items())
