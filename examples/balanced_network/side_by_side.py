"""Put runs of one network on several machines side by side: rates, irregularity, correlations, what SpiNNaker would take.

    python3 side_by_side.py --output report nest=FOLDER demo=FOLDER spinnaker=FIT.json
    python3 side_by_side.py --output report nest=SEED1,SEED2,SEED3 coarse=SEED1,SEED2,SEED3 spinnaker=FOLDER

A FOLDER is a run's (it holds spikes-*.nix and metrics.json); several, with commas, are runs that differ in their seed alone. The first name
is the reference: with three seeds or more, every other is compared with it as distributions (distributions.py). FIT.json is what
`esd-deploy fit --json` printed. All spikes go through the same analysis, with Elephant. Needs elephant, scipy, neo, nixio and matplotlib:
they are in the nest and spinnaker images.
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
from distributions import Distance, distance, first_divergence, of_mean
from elephant.conversion import BinnedSpikeTrain
from elephant.spike_train_correlation import correlation_coefficient
from elephant.statistics import cv, isi, mean_firing_rate
from matplotlib.figure import Figure

from balanced_network import Parameters

LABELS = ("excitatory", "inhibitory")
BIN_MS = 5.0
PAIRS_OF = 100  # neurons among whose pairs correlations are taken
OBSERVABLES = {"rates": "rate (Hz)", "cvs": "CV of intervals", "correlations": "correlation"}
CAUTION = """\
What may differ, and need not mean that something is wrong: the random numbers (NEST draws others for another number of virtual processes,
sPyNNaker draws on the machine), so only statistics can agree, never spikes; the time step (NEST 0.1 ms, SpiNNaker 1 ms, to which delays are
rounded); and on SpiNNaker fixed point in place of double precision. Differences of rates up to 2 Hz are within what seeds make (README.md).
"""


@dataclass(frozen=True)
class Statistics:
    """One population of one run, after the transient; rates in Hz, correlations over pairs of binned trains.

    `grain_hz`: what one spike more adds to a neuron's rate, so the distance at which rates can differ at all.
    """

    rates: np.ndarray
    cvs: np.ndarray
    correlations: np.ndarray
    grain_hz: float

    @property
    def correlation(self) -> float:
        return float(np.nanmean(self.correlations)) if np.isfinite(self.correlations).any() else math.nan

    @property
    def row(self) -> tuple[str, str, str]:
        """Rate with its spread over neurons, CV, correlation."""
        return (
            f"{self.rates.mean():.2f} ± {self.rates.std():.2f}",
            f"{self.cvs.mean() if len(self.cvs) else math.nan:.3f}",
            f"{self.correlation:.4f}",
        )


@dataclass(frozen=True)
class Machine:
    """All runs on one machine: spikes and statistics by population, one entry for each seed, and what the runs measured of themselves."""

    trains: dict[str, list[list[neo.SpikeTrain]]]
    statistics: dict[str, list[Statistics]]
    metrics: list[dict[str, Any]]

    def values(self, label: str, name: str) -> list[np.ndarray]:
        return [getattr(one, name) for one in self.statistics[label]]

    def measured(self, name: str) -> str:
        """The median of what the runs say, `unknown` if they do not."""
        said = [one[name] for one in self.metrics if isinstance(one.get(name), (int, float))]
        return f"{np.median(said):.4g}" if said else "unknown"


def load(folders: Sequence[Path]) -> Machine:
    """Read and analyse the populations that all folders have."""
    labels = [label for label in LABELS if all((folder / f"spikes-{label}.nix").is_file() for folder in folders)]
    if not labels:
        raise SystemExit(f"side_by_side.py: no spikes-excitatory.nix or spikes-inhibitory.nix in {', '.join(map(str, folders))}")
    trains = {label: [read(folder / f"spikes-{label}.nix") for folder in folders] for label in labels}
    found = [json.loads(path.read_text()) for folder in folders if (path := folder / "metrics.json").is_file()]
    return Machine(trains, {label: [statistics(run) for run in runs] for label, runs in trains.items()}, found)


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
        return Statistics(rates, cvs, np.array([]), grain_hz)
    matrix = correlation_coefficient(BinnedSpikeTrain(firing, bin_size=BIN_MS * pq.ms, tolerance=None))
    return Statistics(rates, cvs, matrix[np.triu_indices(len(firing), 1)], grain_hz)


def text(machines: dict[str, Machine], fits: dict[str, dict[str, Any]]) -> str:
    """The report, as Markdown."""
    lines = ["# The balanced network, side by side", "", "| run | population | rate (Hz, ± over neurons) | CV of intervals | correlation |"]
    lines.append("|---|---|---|---|---|")
    lines += [
        f"| {name if len(runs) == 1 else f'{name}, {number}'} | {label} | {' | '.join(found.row)} |"
        for name, machine in machines.items()
        for label, runs in machine.statistics.items()
        for number, found in enumerate(runs, 1)
    ]
    lines += [*_intervals(machines), *_distances(machines), *_costs(machines)]
    for name, fit in fits.items():
        lines += ["", f"## {name}: mapped, not run (a virtual board gives no spikes)", ""]
        lines.append(
            f"{fit['cores']} cores on {fit['chips']} chips of {fit['boards']} board(s), {fit['sdram'] / 1e6:.1f} MB of SDRAM, "
            f"steps of {fit['timestep_ms']:g} ms, real-time factor {fit['real_time_factor']:g}."
        )
        asked = [f"{label}: {', '.join(names)}" for label, names in sorted(fit["recorded"].items()) if names]
        lines.append(f"Recorded would be: {'; '.join(asked) or 'nothing'}.")
    pictures = ["![distributions](side-by-side.png)", *(["", "![rasters](rasters.png)"] if machines else [])]
    return "\n".join([*lines, "", *pictures, "", CAUTION])


def _intervals(machines: dict[str, Machine]) -> list[str]:
    """Means of all seeds together, each with its 95 % interval over neurons or pairs."""
    lines = ["", "| machine | population | seeds | " + " | ".join(OBSERVABLES.values()) + " |", "|---|---|---|---|---|---|"]
    for name, machine in machines.items():
        for label, runs in machine.statistics.items():
            cells = " | ".join(str(of_mean(np.concatenate(machine.values(label, each)))) for each in OBSERVABLES)
            lines.append(f"| {name} | {label} | {len(runs)} | {cells} |")
    return lines


def _distances(machines: dict[str, Machine]) -> list[str]:
    """Every machine against the first, as distributions."""
    (reference, known), *others = machines.items() if machines else [("", None)]
    shared = [(name, label, one) for name, one in others for label in one.statistics if known and label in known.statistics]
    if not shared or known is None:
        return []
    columns = ("against", "population", "observable", "KS distance (p)", "rank test p", "two runs, two seeds alone", "seeds' means p",
               "mean, next run of the reference", "verdict")  # fmt: skip
    head = f"| {' | '.join(columns)} |"
    lines = ["", f"## Against {reference}", "", head, "|---" * len(columns) + "|"]
    for name, label, one in shared:
        for each, title in OBSERVABLES.items():
            lines.append(f"| {name} | {label} | {title} | {_told(distance(known.values(label, each), one.values(label, each)))} |")
    first = [(name, label, _divergence(known.trains[label][0], one.trains[label][0])) for name, label, one in shared]
    return [*lines, "", *(f"First spike that differs, {name} ({label}, first seed): {found}." for name, label, found in first)]


def _told(d: Distance) -> str:
    parts = (
        f"{d.ks:.3f} ({d.ks_p:.2g})",
        f"{d.rank_p:.2g}",
        f"{d.between:.3f}, {d.noise:.3f}",
        f"{d.seeds_p:.2g}",
        f"{d.mean:.4g}, {d.next_run}",
    )
    return " | ".join((*parts, d.verdict))


def _divergence(one: Sequence[neo.SpikeTrain], two: Sequence[neo.SpikeTrain]) -> str:
    if len(one) != len(two):
        return "unknown, not the same number of neurons"
    found = first_divergence(*([train.rescale("ms").magnitude for train in trains] for trains in (one, two)))
    return "none, all spikes are the same" if found is None else f"at {found:g} ms"


def _costs(machines: dict[str, Machine]) -> list[str]:
    """What the runs say of themselves."""
    names = {"timestep_ms": "step (ms)", "build_s": "build (s)", "run_s": "run (s)", "memory_mb": "memory (MB)", "spikes": "spikes"}
    lines = ["", "| machine | " + " | ".join(names.values()) + " |", "|---" * (len(names) + 1) + "|"]
    return [*lines, *(f"| {name} | " + " | ".join(one.measured(each) for each in names) + " |" for name, one in machines.items())]


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


def draw(machines: dict[str, Machine]) -> Figure:
    """Distributions of rates and CVs over neurons, one colour for each machine, all its seeds together."""
    labels = [label for label in LABELS if any(label in one.statistics for one in machines.values())] or ["excitatory"]
    figure = Figure(figsize=(9, 3 * len(labels)), layout="constrained")
    for row, label in zip(figure.subplots(len(labels), 2, squeeze=False), labels, strict=True):
        having = {name: one for name, one in machines.items() if label in one.statistics}
        for axes, values, title in zip(row, ("rates", "cvs"), ("rate (Hz)", "CV of intervals"), strict=True):
            data = [np.concatenate(one.values(label, values)) for one in having.values()]
            grains = [run.grain_hz for one in having.values() for run in one.statistics[label]]
            edges = bins(np.concatenate(data), max(grains, default=0.0) if values == "rates" else 0.0)
            for name, each in zip(having, data, strict=True):
                axes.stairs(np.histogram(each, edges, density=True)[0], edges, label=name)
            axes.set(xlabel=title, ylabel="density", title=label)
            axes.legend()
    return figure


def rasters(machines: dict[str, Machine], neurons: int = 100) -> Figure:
    """The first seed of each machine, one above the other, on one time axis."""
    figure = Figure(figsize=(9, 1.5 * len(machines) + 0.5), layout="constrained")
    rows = figure.subplots(len(machines), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, one) in zip(rows, machines.items(), strict=True):
        label, runs = next(iter(one.trains.items()))
        axes.eventplot([train.rescale("ms").magnitude for train in runs[0][:neurons]], linewidths=0.5, linelengths=0.9, colors="black")
        axes.set(ylabel="neuron", title=f"{name}, {label}")
    rows[-1].set(xlabel="time (ms)")
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, analyse, write."""
    parser = argparse.ArgumentParser(description="Runs of one network side by side.")
    parser.add_argument("--output", type=Path, default=Path("report"))
    parser.add_argument("runs", nargs="+", metavar="NAME=FOLDER[,FOLDER…]|FIT.json")
    given = parser.parse_args(arguments)
    named = {name: [Path(place) for place in places.split(",")] for name, _, places in (run.partition("=") for run in given.runs)}
    missing = [str(place) for places in named.values() for place in places if not place.exists()]
    if missing:
        parser.error(f"not there: {', '.join(missing)}; each is NAME=FOLDER of a run, or NAME=FILE of `esd-deploy fit --json`")
    machines = {name: load(places) for name, places in named.items() if all(place.is_dir() for place in places)}
    fits = {name: json.loads(places[0].read_text(encoding="utf-8")) for name, places in named.items() if places[0].is_file()}
    mpl.use("Agg")
    given.output.mkdir(parents=True, exist_ok=True)
    draw(machines).savefig(given.output / "side-by-side.png", dpi=120)
    if machines:
        rasters(machines).savefig(given.output / "rasters.png", dpi=120)
    (given.output / "side-by-side.md").write_text(text(machines, fits), encoding="utf-8")
    print(given.output / "side-by-side.md")


if __name__ == "__main__":
    main()
