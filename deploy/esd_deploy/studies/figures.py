"""The figures of `esd-deploy drift --full`, as SVG for its page: activity with its intervals, what each seed gives, and every verdict.

Marks and letters differ as well as colours, so that the figures can be read without them.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esd_deploy.studies.drift import Stack
from esd_deploy.studies.probes import Finding, Interval, Judgement, questions
from esd_deploy.studies.study import ORDERS, Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = "osD^vP*X"
_VERDICTS: Mapping[Judgement, tuple[str, str]] = {
    "same": ("#cfe8cf", ""),
    "other realisation": ("#f7e3a1", "R"),
    "other numbers": ("#f6c8c0", "N"),
    "other model": ("#d98880", "M"),
    "unknown": ("#dddddd", "?"),
}
_MEASURES = (("rate", "rate (1/s)"), ("cv", "CV of the intervals"))


def figures(stacks: Sequence[Stack], findings: Sequence[Finding]) -> Mapping[str, str]:
    """Each figure's title, and the figure as an `<svg>` element. Without two stacks that answered, none."""
    answered = [_Drawn(stack, _networks(stack)) for stack in stacks if stack.study]
    if not findings or len(answered) < 2:
        return {}
    names = [name for name in answered[0].networks if all(name in one.networks for one in answered)]
    drawn: dict[str, str] = {}
    if names:
        drawn["Activity of each network: mean over the seeds, with its 95 % interval"] = _svg(_activity, answered, names)
        drawn["Spikes of two seeds, by what is set first: two equal bars are a seed that was lost"] = _svg(_seeds, answered, names)
    drawn[f"Every probe against {findings[0].against}"] = _svg(_verdicts, findings)
    return drawn


@dataclass(frozen=True)
class _Drawn:
    """A stack with the networks that it could run."""

    stack: Stack
    networks: Mapping[str, Network]

    @property
    def label(self) -> str:
        version = (self.stack.versions or {}).get("NEST")
        return f"{self.stack.site} {self.stack.image or self.stack.mode}" + (f" (NEST {version})" if version else "")

    def interval(self, network: str, measure: str) -> Interval:
        return Interval.of([getattr(one, measure) for one in self.networks[network].statistics])


def _networks(stack: Stack) -> Mapping[str, Network]:
    asked = stack.study.networks if stack.study else {}
    return {name: network for name, network in asked.items() if isinstance(network, Network)}


def _svg(draw: "Callable[..., Figure]", *arguments: Any) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - takes half a second, and only this page draws

    # The text stays text: it can be searched and read aloud. The fixed salt gives the same bytes for the same figure.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "esd", "font.size": 9}):
        written = io.StringIO()
        draw(*arguments).savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None})
    return written.getvalue()[written.getvalue().index("<svg") :]


def _activity(answered: Sequence[_Drawn], names: Sequence[str]) -> "Figure":
    figure, panels = _panels(2, height=1.2 + 0.16 * len(names) * max(3, len(answered)))
    for axes, (measure, label) in zip(panels, _MEASURES, strict=True):
        for index, one in enumerate(answered):
            found = [one.interval(name, measure) for name in names]
            places = [row + 0.8 / len(answered) * (index - (len(answered) - 1) / 2) for row in range(len(names))]
            axes.errorbar(
                [interval.mean for interval in found],
                places,
                xerr=[interval.half for interval in found],
                fmt=_MARKS[index % len(_MARKS)],
                ms=4,
                capsize=2,
                label=one.label,
            )
        _rows(axes, names)
        axes.set_xlabel(label)
        axes.grid(axis="x", alpha=0.3)
    return _finished(figure, panels)


def _seeds(answered: Sequence[_Drawn], names: Sequence[str]) -> "Figure":
    asked = questions().networks
    rows = [(name, one) for name in names for one in answered]
    figure, panels = _panels(2, height=1.2 + 0.3 * len(rows))
    for axes, order in zip(panels, ORDERS, strict=True):
        for offset, seed in enumerate((asked.seed, asked.other_seed)):
            counts = [one.networks[name].of(order).spikes[offset] for name, one in rows]
            axes.barh([row + 0.36 * (offset - 0.5) for row in range(len(rows))], counts, height=0.34, label=f"seed {seed}")
        _rows(axes, [f"{name}, {one.label}" for name, one in rows])
        axes.set_title(order)
        axes.set_xlabel(f"spikes in {asked.short:g} ms")
    return _finished(figure, panels)


def _finished(figure: "Figure", panels: "Sequence[Axes]") -> "Figure":
    """Both panels have the same rows: one has their names, and one legend is above."""
    panels[1].set_yticklabels([])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=2, bbox_to_anchor=(0.5, 1.0))
    return figure


def _verdicts(findings: Sequence[Finding]) -> "Figure":
    probes, stacks = list(dict.fromkeys(one.probe for one in findings)), list(dict.fromkeys(one.stack for one in findings))
    figure, (axes,) = _panels(1, height=1.2 + 0.22 * len(probes), width=3.5 + 1.4 * len(stacks))
    for one in findings:
        colour, letter = _VERDICTS[one.verdict]
        column, row = stacks.index(one.stack), probes.index(one.probe)
        axes.barh(row, 0.96, left=column - 0.48, height=0.92, color=colour)
        axes.text(column, row, letter, ha="center", va="center")
    _rows(axes, probes)
    axes.set_xticks(range(len(stacks)), stacks)
    axes.xaxis.tick_top()
    axes.set_frame_on(False)
    axes.tick_params(length=0)
    axes.set_xlabel("; ".join(f"{letter or 'empty'}: {verdict}" for verdict, (_, letter) in _VERDICTS.items()))
    return figure


def _panels(count: int, *, height: float, width: float = 9.0) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure  # noqa: PLC0415 - see _svg

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(figure.subplots(1, count, squeeze=False)[0])


def _rows(axes: "Axes", labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
