"""Writes one self-contained HTML page of many validations: a matrix of images and sites, with verdicts, history and speed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape
from rich.table import Table
from rich.text import Text

from esd_deploy.display.templates import templates
from esd_deploy.validation.reports.document import CheckResult, Report
from esd_deploy.validation.reports.table import COLOURS
from esd_deploy.validation.terms.verdict import WORST, Outcome

_HISTORY = 30
_WIDTH, _HEIGHT, _MARGIN = 260, 70, 8


@dataclass(frozen=True)
class Point:
    """One value in a plot, in the plot's coordinates."""

    x: float
    y: float
    label: str


@dataclass(frozen=True)
class Plot:
    """One quantity at one site over time."""

    title: str
    unit: str
    points: tuple[Point, ...]
    first_day: str
    last_day: str
    last: float
    least: float
    most: float


@dataclass(frozen=True)
class Cause:
    """Failed or unknown checks with one remedy, or, where none is known, with one reason; `resting`: checks that were skipped for them."""

    checks: tuple[CheckResult, ...]
    resting: tuple[CheckResult, ...]

    @property
    def advice(self) -> str:
        return self.checks[0].verdict.advice

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(check.verdict.reason for check in self.checks))


def causes(report: Report, outcome: Outcome) -> tuple[Cause, ...]:
    """What is to be mended, each cause once, however many checks met it."""
    found: dict[str, list[CheckResult]] = {}
    for check in report.of_outcome(outcome):
        found.setdefault(check.verdict.advice or check.verdict.reason, []).append(check)
    skipped = report.of_outcome("skipped")
    return tuple(Cause(tuple(same), tuple(one for one in skipped if _rests_on(one, same))) for same in found.values())


def _rests_on(skipped: CheckResult, failed: Iterable[CheckResult]) -> bool:
    return any(skipped.verdict.reason.startswith(f"rests on '{one.name}'") for one in failed)


@dataclass(frozen=True)
class Place:
    """All validations of an image (name and tag) at a site, oldest first; their digests show what the tag named at the time."""

    image: str
    site: str
    reports: tuple[Report, ...]
    plots: tuple[Plot, ...]

    @property
    def last(self) -> Report:
        """The decisive validation: the newest one of a whole suite, of the image that the tag names now. A few checks prove less."""
        same = [report for report in self.reports if report.digest == self.reports[-1].digest]
        return next((report for report in reversed(same) if report.whole), self.reports[-1])

    @property
    def since(self) -> Report | None:
        """The newest validation, if it is not the decisive one."""
        return None if self.last is self.reports[-1] else self.reports[-1]

    @property
    def recent(self) -> tuple[Report, ...]:
        """The validations, newest first."""
        return tuple(reversed(self.reports[-_HISTORY:]))

    @property
    def anchor(self) -> str:
        return f"{self.site}-{self.image}".replace("/", "-").replace(":", "-")


@dataclass(frozen=True)
class Row:
    """An image at every site; None for a site where it was never validated."""

    image: str
    places: tuple[Place | None, ...]

    @property
    def digests(self) -> frozenset[str]:
        """The digests; more than one if the tag names different images at different sites."""
        return frozenset(place.last.digest for place in self.places if place)


def places(reports: Iterable[Report]) -> tuple[Place, ...]:
    """The validations by image and site."""
    known: dict[tuple[str, str], list[Report]] = {}
    for report in sorted(reports, key=lambda one: (one.time, one.id)):
        known.setdefault((report.name, report.site), []).append(report)
    return tuple(Place(image, site, tuple(found), plots(found)) for (image, site), found in sorted(known.items()))


def rows(found: Iterable[Place]) -> tuple[Row, ...]:
    """The matrix: a row for each image, a place for each site."""
    at = {(place.image, place.site): place for place in found}
    sites = sorted({site for _, site in at})
    return tuple(Row(image, tuple(at.get((image, site)) for site in sites)) for image in sorted({image for image, _ in at}))


def plots(reports: Iterable[Report]) -> tuple[Plot, ...]:
    """A plot for each measured quantity."""
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
            f"{_number(value)} {unit}, {when:%Y-%m-%d %H:%M}, {digest}…",
        )
        for number, (when, value, digest) in enumerate(values)
    )
    return Plot(name, unit, points, f"{values[0][0]:%Y-%m-%d}", f"{values[-1][0]:%Y-%m-%d}", numbers[-1], min(numbers), max(numbers))


def page(reports: Iterable[Report]) -> str:
    """The page. It loads nothing from elsewhere, and shows programs' output as plain text."""
    environment = templates("esd_deploy.validation.reports")
    environment.filters["code"] = code
    environment.filters["number"] = _number
    found = places(reports)
    template = environment.get_template("page.html.j2")
    return template.render(
        sites=sorted({place.site for place in found}),
        rows=rows(found),
        places=sorted(found, key=lambda place: place.reports[-1].time, reverse=True),
        causes=causes,
        counts=[(outcome, sum(place.last.outcome == outcome for place in found)) for outcome in WORST],
        width=_WIDTH,
        height=_HEIGHT,
        base=_HEIGHT - _MARGIN,
    )


def code(text: str) -> Markup:
    """Text as HTML, with `words` between backticks as code."""
    return Markup(re.sub(r"`([^`\n]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped right here


def _number(value: float) -> str:
    """14600 → 14,600; 8.562 → 8.56."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def matrix_table(reports: Iterable[Report]) -> Table:
    """The same matrix for a terminal: which image was validated where, and when."""
    table = Table("image", "site", "verdict", "checks", "when (UTC)", "suite", "digest")
    for place in places(reports):
        last = place.last
        verdict = Text(last.outcome, style=COLOURS[last.outcome])
        failed = ", ".join(check.name for check in last.of_outcome("failed"))
        since = f"\nsince then {place.since.suite}: {place.since.counts}" if place.since else ""
        checks = Text(last.counts + (f": {failed}" if failed else "") + since)
        table.add_row(
            place.image.rsplit("/", 1)[-1], place.site, verdict, checks, f"{last.time:%Y-%m-%d %H:%M}", last.suite, last.digest[7:19]
        )
    return table
