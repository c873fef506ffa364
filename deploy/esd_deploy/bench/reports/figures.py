"""The figures of a series, as SVG for its page: scaling with the ideal line and intervals, stages, phases, both real-time ratios, cost.

Marks and words differ as well as colours, so that the figures can be read without them.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from esd_deploy.bench.reports.definitions import PHASES, STAGES
from esd_deploy.bench.reports.report import PointRow, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = "osD^vP*X"
_HATCHES = ("", "//", "..", "xx", "\\\\", "++")


@dataclass(frozen=True)
class _Curve:
    """The measured points of one size, the smallest shape first."""

    label: str
    points: tuple[PointRow, ...]

    @property
    def places(self) -> list[int]:
        return [one.processes for one in self.points]

    def medians(self, metric: str) -> list[float]:
        return [one.median(metric) or 0.0 for one in self.points]

    def bars(self, metric: str) -> list[list[float]]:
        """From the median to the ends of the 95 % interval of the mean, at least to 0."""
        found = [one.summary[metric] for one in self.points]
        below = [max(0.0, one.median - (one.least if one.low is None else max(one.low, 0.0))) for one in found]
        above = [max(0.0, (one.most if one.high is None else one.high) - one.median) for one in found]
        return [below, above]


def figures(found: Report) -> Mapping[str, str]:
    """Each figure's title, and the figure as an `<svg>` element; none before a point was measured."""
    curves = [_Curve(f"{found.size.partition(' (')[0]} {base:g}", points) for base in found.bases if (points := found.of_size(base))]
    if not curves:
        return {}
    ideal = "falling: twice the threads, half the time" if found.scaling == "strong" else "level: twice the threads, the same time"
    drawn = {
        f"{found.scaling.capitalize()} scaling of construction and simulation; the dashed line is ideal ({ideal})": _svg(
            _scaling, curves, found
        ),
        "Wall time over model time (below 1 is faster than real time), and its reciprocal": _svg(_ratios, curves),
        "Stages of the program, medians": _svg(_stacked, curves, STAGES),
        "Cost of one repetition and efficiency": _svg(_cost, curves),
    }
    if all(one.median(name) is not None for curve in curves for one in curve.points for name in PHASES):
        drawn["Phases of the simulation by NEST's timers, medians"] = _svg(_stacked, curves, PHASES)
    if all(one.median("energy_per_synaptic_event_uj") is not None for curve in curves for one in curve.points):
        drawn["Energy per synaptic event over wall time per model time"] = _svg(_energy, curves)
    return drawn


def _svg(draw: "Callable[..., Figure]", *arguments: object) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second, and only this page draws

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "esd", "font.size": 9}):
        written = io.StringIO()
        draw(*arguments).savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
    return written.getvalue()[written.getvalue().index("<svg") :]


def _panels(count: int) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure  # noqa: PLC0415 - see _svg

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _scaling(curves: Sequence[_Curve], found: Report) -> "Figure":
    figure, panels = _panels(2)
    for axes, metric, title in zip(panels, ("time_construction", "time_simulate"), ("construction (s)", "simulation (s)"), strict=True):
        for number, curve in enumerate(curves):
            _line(axes, curve, metric, number)
            first = curve.points[0]
            start = curve.medians(metric)[0]
            ideal = [start * (first.processes / place if found.scaling == "strong" else 1) for place in curve.places]
            axes.plot(curve.places, ideal, "k--", lw=0.8, label="ideal" if number == 0 else None)
        axes.set_yscale("log")
        _finish(axes, curves, title)
    return figure


def _ratios(curves: Sequence[_Curve]) -> "Figure":
    figure, panels = _panels(2)
    titles = ("wall time / model time", "model time / wall time")
    for axes, metric, title in zip(panels, ("wall_per_model", "model_per_wall"), titles, strict=True):
        for number, curve in enumerate(curves):
            _line(axes, curve, metric, number)
        axes.axhline(1, color="k", lw=0.8, ls=":", label="real time")
        axes.set_yscale("log")
        _finish(axes, curves, title)
    return figure


def _cost(curves: Sequence[_Curve]) -> "Figure":
    figure, panels = _panels(2)
    for number, curve in enumerate(curves):
        _line(panels[0], curve, "node_hours", number)
        panels[1].plot(curve.places, [100 * (one.efficiency or 0) for one in curve.points], f"{_MARKS[number % 8]}-", label=curve.label)
    panels[0].set_ylim(bottom=0)
    panels[1].axhline(100, color="k", lw=0.8, ls="--", label="ideal")
    _finish(panels[0], curves, "node hours")
    _finish(panels[1], curves, "efficiency of the simulation (%)")
    return figure


def _stacked(curves: Sequence[_Curve], names: Sequence[str]) -> "Figure":
    figure, (left, right) = _panels(2)
    rows = [(f"{one.shape}, size {one.size:g}", one) for curve in curves for one in curve.points]
    whole = [sum(one.median(name) or 0.0 for name in names) or 1.0 for _, one in rows]
    for axes, scale, title in ((left, [1.0] * len(rows), "s"), (right, [one / 100 for one in whole], "share (%)")):
        start = [0.0] * len(rows)
        for number, name in enumerate(names):
            values = [(one.median(name) or 0.0) / by for (_, one), by in zip(rows, scale, strict=True)]
            axes.barh(range(len(rows)), values, left=start, label=name, hatch=_HATCHES[number % len(_HATCHES)], edgecolor="white")
            start = [before + value for before, value in zip(start, values, strict=True)]
        axes.set_yticks(range(len(rows)), [label for label, _ in rows] if axes is left else [""] * len(rows))
        axes.invert_yaxis()
        axes.set_xlabel(title)
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncols=3, bbox_to_anchor=(0.5, 1.0))
    return figure


def _energy(curves: Sequence[_Curve]) -> "Figure":
    figure, (axes,) = _panels(1)
    for number, curve in enumerate(curves):
        axes.loglog(curve.medians("wall_per_model"), curve.medians("energy_per_synaptic_event_uj"), _MARKS[number % 8], label=curve.label)
    axes.set_xlabel("wall time / model time")
    axes.set_ylabel("energy per synaptic event (µJ)")
    axes.legend()
    return figure


def _line(axes: "Axes", curve: _Curve, metric: str, number: int) -> None:
    axes.errorbar(
        curve.places, curve.medians(metric), yerr=curve.bars(metric), fmt=f"{_MARKS[number % 8]}-", ms=4, capsize=3, label=curve.label
    )
    for one in curve.points:
        values = [value for each in one.counting if (value := each.values.get(metric)) is not None]
        axes.plot([one.processes] * len(values), values, "k.", ms=2, alpha=0.5)


def _finish(axes: "Axes", curves: Sequence[_Curve], title: str) -> None:
    places = sorted({place for curve in curves for place in curve.places})
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [str(place) for place in places])
    axes.minorticks_off()
    axes.set_xlabel("virtual processes (nodes x ranks x threads)")
    axes.set_ylabel(title)
    axes.grid(alpha=0.3)
    axes.legend()
