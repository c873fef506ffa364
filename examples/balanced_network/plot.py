"""Draw raster.png from a run of balanced_network.py: spikes of some neurons above, the population rates below.

python3 plot.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import neo
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balanced_network import Parameters, mean_cv_isi

NEURONS = 100  # in the raster, shared as in the network: 4 of 5 excitatory
BIN_MS = 5.0


@dataclass(frozen=True)
class Spikes:
    """Spike times in ms of one population's recorded neurons."""

    label: str
    trains: tuple[np.ndarray, ...]
    stop_ms: float

    def rate_hz(self, edges_ms: np.ndarray) -> np.ndarray:
        """Mean rate of a neuron in each bin."""
        counts, _ = np.histogram(np.concatenate(self.trains), bins=edges_ms)
        return 1000 * counts / (np.diff(edges_ms) * len(self.trains))


def read(folder: Path, label: str) -> Spikes:
    """Read `spikes-<label>.nix`, or end with one message."""
    path = folder / f"spikes-{label}.nix"
    if not path.is_file():
        raise SystemExit(f"plot.py: {path} is not there: give the folder that balanced_network.py wrote to")
    with neo.NixIO(str(path), mode="ro") as file:
        recorded = file.read_block().segments[0].spiketrains
    if not recorded:
        raise SystemExit(f"plot.py: {path} holds no spike train: was the run complete?")
    trains = tuple(np.asarray(train.rescale("ms").magnitude) for train in recorded)
    return Spikes(label, trains, float(recorded[0].t_stop.rescale("ms")))


def raster(axes: Axes, populations: Sequence[Spikes], colours: Sequence[str]) -> None:
    """One row per neuron, excitatory below."""
    shown = (NEURONS * 4 // 5, NEURONS // 5)
    first = 0
    for spikes, count, colour in zip(populations, shown, colours, strict=True):
        rows = spikes.trains[:count]
        axes.eventplot(rows, lineoffsets=np.arange(first, first + len(rows)), colors=colour, linelengths=0.8, linewidths=0.7)
        first += len(rows)
    axes.set_ylabel("neuron")
    axes.set_ylim(-0.5, first - 0.5)


def draw(populations: Sequence[Spikes]) -> Figure:
    """Raster and rates over one time axis; the transient, which no statistic uses, is shaded."""
    p, colours = Parameters(), ("tab:blue", "tab:red")
    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    raster(above, populations, colours)
    edges = np.arange(0.0, populations[0].stop_ms + BIN_MS / 2, BIN_MS)
    for spikes, colour in zip(populations, colours, strict=True):
        below.stairs(spikes.rate_hz(edges), edges, color=colour, label=spikes.label)
    for axes in (above, below):
        axes.axvspan(0, p.transient_ms, color="0.9", zorder=0)
    below.set(xlabel="time (ms)", ylabel=f"rate (Hz, {BIN_MS:g} ms bins)", xlim=(0, populations[0].stop_ms), ylim=(0, None))
    below.legend(loc="upper right", ncols=2)
    cvs = [f"{s.label} {mean_cv_isi(s.trains, p.transient_ms, p.min_spikes):.2f}" for s in populations]
    figure.suptitle(f"Balanced random network; CV of inter-spike intervals: {', '.join(cvs)}")
    return figure


def main(arguments: Sequence[str]) -> None:
    """Read, draw, write; nothing opens on a screen."""
    if len(arguments) != 1:
        raise SystemExit("usage: python3 plot.py FOLDER")
    folder = Path(arguments[0])
    mpl.use("Agg")
    figure = draw([read(folder, "excitatory"), read(folder, "inhibitory")])
    figure.savefig(folder / "raster.png", dpi=150)
    print(folder / "raster.png")


if __name__ == "__main__":
    main(sys.argv[1:])
