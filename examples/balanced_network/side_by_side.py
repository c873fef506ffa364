"""Put runs of balanced_network.py on several machines side by side: rates, irregularity, correlations, what SpiNNaker would take.

    python3 side_by_side.py --output report nest=FOLDER demo=FOLDER spinnaker=FIT.json

A FOLDER is a run's (it holds spikes-*.nix and metrics.json); FIT.json is what `esd-deploy fit --json` printed. All spikes go through the
same analysis, with Elephant. Needs elephant, neo, nixio and matplotlib: they are in the spinnaker image.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import neo
import numpy as np
import quantities as pq
from elephant.conversion import BinnedSpikeTrain
from elephant.spike_train_correlation import correlation_coefficient
from elephant.statistics import cv, isi, mean_firing_rate
from matplotlib.figure import Figure

from balanced_network import Parameters

LABELS = ("excitatory", "inhibitory")
BIN_MS = 5.0
PAIRS_OF = 100  # neurons among whose pairs correlations are taken
CAUTION = """\
What may differ, and need not mean that something is wrong: the random numbers (NEST draws others for another number of virtual processes,
sPyNNaker draws on the machine), so only statistics can agree, never spikes; the time step (NEST 0.1 ms, SpiNNaker 1 ms, to which delays are
rounded); and on SpiNNaker fixed point in place of double precision. Differences of rates up to 2 Hz are within what seeds make (README.md).
"""


@dataclass(frozen=True)
class Statistics:
    """One population of one run, after the transient; rates in Hz. `correlation` is the mean over pairs of binned trains.

    `grain_hz`: what one spike more adds to a neuron's rate, so the distance at which rates can differ at all.
    """

    rates: np.ndarray
    cvs: np.ndarray
    correlation: float
    grain_hz: float

    @property
    def row(self) -> tuple[str, str, str]:
        """Rate with its spread over neurons, CV, correlation."""
        return (
            f"{self.rates.mean():.2f} ± {self.rates.std():.2f}",
            f"{self.cvs.mean() if len(self.cvs) else math.nan:.3f}",
            f"{self.correlation:.4f}",
        )


def read(path: Path) -> list[neo.SpikeTrain]:
    """The recorded trains, cut at the transient."""
    with neo.NixIO(str(path), mode="ro") as file:
        trains = file.read_block().segments[0].spiketrains
    start = Parameters().transient_ms * pq.ms
    return [neo.SpikeTrain(t.times[t.times >= start].rescale("ms"), units="ms", t_start=start, t_stop=t.t_stop) for t in trains]


def rate_hz(train: neo.SpikeTrain) -> float:
    """Elephant refuses a train without spikes, whose rate is 0."""
    return float(mean_firing_rate(train, t_start=train.t_start, t_stop=train.t_stop).rescale("Hz")) if len(train) else 0.0


def statistics(trains: Sequence[neo.SpikeTrain]) -> Statistics:
    """The same for every machine."""
    rates = np.array([rate_hz(train) for train in trains])
    grain_hz = float((1 / (trains[0].t_stop - trains[0].t_start)).rescale("Hz"))
    enough = [t for t in trains if len(t) >= Parameters().min_spikes]
    cvs = np.array([float(cv(isi(t))) for t in enough])
    firing = [t for t in trains if len(t)][:PAIRS_OF]
    if len(firing) < 2:
        return Statistics(rates, cvs, math.nan, grain_hz)
    matrix = correlation_coefficient(BinnedSpikeTrain(firing, bin_size=BIN_MS * pq.ms, tolerance=None))
    return Statistics(rates, cvs, float(np.nanmean(matrix[np.triu_indices(len(firing), 1)])), grain_hz)


def text(runs: dict[str, dict[str, Statistics]], fits: dict[str, dict[str, Any]]) -> str:
    """The report, as Markdown."""
    lines = ["# The balanced network, side by side", "", "| run | population | rate (Hz, ± over neurons) | CV of intervals | correlation |"]
    lines.append("|---|---|---|---|---|")
    lines += [f"| {run} | {label} | {' | '.join(found.row)} |" for run, both in runs.items() for label, found in both.items()]
    for name, fit in fits.items():
        lines += ["", f"## {name}: mapped, not run (a virtual board gives no spikes)", ""]
        lines.append(
            f"{fit['cores']} cores on {fit['chips']} chips of {fit['boards']} board(s), {fit['sdram'] / 1e6:.1f} MB of SDRAM, "
            f"steps of {fit['timestep_ms']:g} ms, real-time factor {fit['real_time_factor']:g}."
        )
        asked = [f"{label}: {', '.join(names)}" for label, names in sorted(fit["recorded"].items()) if names]
        lines.append(f"Recorded would be: {'; '.join(asked) or 'nothing'}.")
    return "\n".join([*lines, "", "![distributions](side-by-side.png)", "", CAUTION])


def bins(values: np.ndarray, grain: float = 0.0) -> np.ndarray:
    """Edges of at most 25 bins for all finite values. Values on a grid get bins of whole grains, else bins without a value appear."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.array([0.0, 1.0])
    if not grain:
        return np.histogram_bin_edges(finite, bins=25)
    low, high = finite.min() - grain / 2, finite.max() + grain / 2
    width = grain * math.ceil((high - low) / (25 * grain))
    return low + width * np.arange(math.ceil((high - low) / width - 1e-9) + 1)


def draw(runs: dict[str, dict[str, Statistics]]) -> Figure:
    """Distributions of rates and CVs over neurons, one colour for each run."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    for row, label in zip(figure.subplots(2, 2), LABELS, strict=True):
        for axes, values, name in zip(row, ("rates", "cvs"), ("rate (Hz)", "CV of intervals"), strict=True):
            data = [getattr(both[label], values) for both in runs.values()]
            grain = max((both[label].grain_hz for both in runs.values()), default=0.0) if values == "rates" else 0.0
            edges = bins(np.concatenate(data), grain)
            for run, each in zip(runs, data, strict=True):
                axes.stairs(np.histogram(each, edges, density=True)[0], edges, label=run)
            axes.set(xlabel=name, ylabel="density", title=label)
            axes.legend()
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, analyse, write."""
    parser = argparse.ArgumentParser(description="Runs of balanced_network.py side by side.")
    parser.add_argument("--output", type=Path, default=Path("report"))
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER|FIT.json")
    given = parser.parse_args(arguments)
    named = [(name, Path(place)) for name, _, place in (run.partition("=") for run in given.runs)]
    missing = [str(place) for _, place in named if not place.exists()]
    if missing:
        parser.error(f"not there: {', '.join(missing)}; each is NAME=FOLDER of a run, or NAME=FILE of `esd-deploy fit --json`")
    runs = {name: {label: statistics(read(place / f"spikes-{label}.nix")) for label in LABELS} for name, place in named if place.is_dir()}
    fits = {name: json.loads(place.read_text(encoding="utf-8")) for name, place in named if place.is_file()}
    mpl.use("Agg")
    given.output.mkdir(parents=True, exist_ok=True)
    draw(runs).savefig(given.output / "side-by-side.png", dpi=120)
    (given.output / "side-by-side.md").write_text(text(runs, fits), encoding="utf-8")
    print(given.output / "side-by-side.md")


if __name__ == "__main__":
    main()
