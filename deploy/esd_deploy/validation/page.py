"""One self-contained HTML page of many validations: a matrix of images and sites, each one's last verdicts, its history, its speed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from rich.table import Table
from rich.text import Text

from esd_deploy.validation.report import Report
from esd_deploy.validation.table import COLOURS

_HISTORY = 30
_WIDTH, _HEIGHT, _MARGIN = 260, 70, 8


@dataclass(frozen=True)
class Point:
    """One value in a plot, in the plot's own units."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Plot:
    """One quantity at one site over time."""

    title: str
    unit: str
    points: tuple[Point, ...]
    last: float
    least: float
    most: float


@dataclass(frozen=True)
class Place:
    """An image at a site: all validations, oldest first."""

    image: str
    site: str
    reports: tuple[Report, ...]
    plots: tuple[Plot, ...]

    @property
    def last(self) -> Report:
        return self.reports[-1]

    @property
    def recent(self) -> tuple[Report, ...]:
        return self.reports[-_HISTORY:]

    @property
    def anchor(self) -> str:
        return f"{self.site}-{self.image}".replace("/", "-").replace(":", "-")


def places(reports: Iterable[Report]) -> tuple[Place, ...]:
    """The validations by image and site. Images are told apart by digest only in each place's history: a row is a tag."""
    known: dict[tuple[str, str], list[Report]] = {}
    for report in sorted(reports, key=lambda one: (one.time, one.id)):
        known.setdefault((report.image, report.site), []).append(report)
    return tuple(Place(image, site, tuple(found), plots(found)) for (image, site), found in sorted(known.items()))


def plots(reports: Iterable[Report]) -> tuple[Plot, ...]:
    """One plot for each quantity that was measured."""
    known: dict[tuple[str, str], list[tuple[datetime, float, str]]] = {}
    for report in reports:
        for check in report.checks:
            for one in check.verdict.measured:
                known.setdefault((one.name, one.unit), []).append((report.time, one.value, report.digest[:15]))
    return tuple(_plot(name, unit, values) for (name, unit), values in known.items())


def _plot(name: str, unit: str, values: list[tuple[datetime, float, str]]) -> Plot:
    numbers = [value for _, value, _ in values]
    most = max(numbers) * 1.1 or 1.0
    step = (_WIDTH - 2 * _MARGIN) / max(1, len(values) - 1)
    points = tuple(
        Point(
            round(_MARGIN + number * step, 1),
            round(_HEIGHT - _MARGIN - value / most * (_HEIGHT - 2 * _MARGIN), 1),
            f"{value:.4g} {unit}, {when:%Y-%m-%d %H:%M}, {digest}…",
        )
        for number, (when, value, digest) in enumerate(values)
    )
    return Plot(name, unit, points, numbers[-1], min(numbers), max(numbers))


def page(reports: Iterable[Report]) -> str:
    """The page; it loads nothing from anywhere, and what programs printed stays text."""
    environment = Environment(
        loader=PackageLoader("esd_deploy.validation"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    found = places(reports)
    images = sorted({place.image for place in found})
    sites = sorted({place.site for place in found})
    matrix = [(image, [next((p for p in found if (p.image, p.site) == (image, site)), None) for site in sites]) for image in images]
    template = environment.get_template("page.html.j2")
    return template.render(sites=sites, matrix=matrix, places=found, width=_WIDTH, height=_HEIGHT, base=_HEIGHT - _MARGIN)


def matrix_table(reports: Iterable[Report]) -> Table:
    """The same matrix on a terminal: which image is proven where, and when."""
    rows = Table("image", "site", "verdict", "checks", "when (UTC)", "suite", "digest")
    for place in places(reports):
        last = place.last
        colour = COLOURS[last.outcome]
        verdict = Text(last.outcome, style=colour)
        rows.add_row(
            place.image.rsplit("/", 1)[-1], place.site, verdict, last.counts, f"{last.time:%Y-%m-%d %H:%M}", last.suite, last.digest[7:19]
        )
    return rows
