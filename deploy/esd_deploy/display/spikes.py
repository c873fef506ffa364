"""The spikes that a run fetched, as a figure: a raster above, mean rates below. Needs no display.

It reads Neo's NIX files (`.nix`) and what NEST's recording backend `ascii` writes (`.dat`), and nothing that could run, as a pickle does.
The files come from a program that nobody has checked: one that cannot be read, or is too large to draw, is named.
"""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.plans import paths

_MOST_BYTES = 256 * 1024**2
"""Of all files of one figure."""
_MOST_ROWS = 100
"""Neurons of one population in the raster; the rates are of all."""
_OF_A_THREAD = re.compile(r"(-\d+)\.dat$")
_NEST_SPIKES = ("sender", "time_ms")


@dataclass(frozen=True)
class Spikes:
    """The spikes of one population: times (ms) and, of the same length, the number of the neuron, from 0.

    `silent_known`: whether `neurons` counts those that were recorded and never fired; NEST's text files do not name them.
    """

    label: str
    times_ms: NDArray[np.float64]
    rows: NDArray[np.int64]
    neurons: int
    stop_ms: float
    silent_known: bool

    def rate_hz(self, edges_ms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean rate of a neuron (1/s) in each bin between these edges (ms)."""
        counts, _ = np.histogram(self.times_ms, bins=edges_ms)
        return 1000.0 * counts / (np.diff(edges_ms) * max(self.neurons, 1))

    @property
    def told(self) -> str:
        """For the legend."""
        return f"{self.label} ({self.neurons} neurons{'' if self.silent_known else ' that fired'})"


class Picture(Figure):
    """A figure that a notebook shows whether or not it has set up matplotlib, and that no window ever shows."""

    def _repr_png_(self) -> bytes:
        written = io.BytesIO()
        self.savefig(written, format="png")
        return written.getvalue()


def read(folder: Path, files: Iterable[str]) -> tuple[Spikes, ...]:
    """The populations among a run's files, by name. Raises UsageError if there are none, ToolError for a file that cannot be read."""
    wanted = sorted(path for path in files if PurePosixPath(path).suffix in {".nix", ".dat"} and paths.inside(folder, path).is_file())
    size = sum((folder / path).stat().st_size for path in wanted)
    if size > _MOST_BYTES:
        raise UsageError(f"{folder}: {size // 1024**2} MB of spikes are too many for one figure; `plot(files)` draws those that you name")
    found = [_of_nix(folder, path) for path in wanted if path.endswith(".nix")]
    parts: dict[str, list[str]] = {}
    for path in wanted:
        if path.endswith(".dat"):
            parts.setdefault(_OF_A_THREAD.sub("", path), []).append(path)
    found += [one for name, same in parts.items() if (one := _of_nest(folder, name, same)) is not None]
    if not found:
        raise UsageError(
            f"{folder} has no spikes to draw: neither Neo's .nix files nor the .dat files of NEST's recording backend `ascii`; "
            "`fetch()` brings what the job has written"
        )
    return tuple(found)


def draw(populations: Sequence[Spikes], title: str, *, bin_ms: float = 5.0) -> Picture:
    """Raster (the first neurons of each population) and mean rates in bins of `bin_ms`, over one time axis in ms."""
    figure = Picture(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    stop = max(one.stop_ms for one in populations)
    edges = np.arange(0.0, stop + bin_ms, bin_ms) if stop else np.array([0.0, bin_ms])
    first = 0
    for number, one in enumerate(populations):
        colour = f"C{number % 10}"
        first = _rows(above, one, first, colour)
        below.stairs(one.rate_hz(edges), edges, color=colour, label=one.told)
    above.set(ylabel="neuron", ylim=(-0.5, max(first, 1) - 0.5), title=title)
    below.set(xlabel="time (ms)", ylabel=f"rate (1/s, {bin_ms:g} ms bins)", xlim=(0.0, edges[-1]), ylim=(0.0, None))
    below.legend(loc="upper right", ncols=2, fontsize="small")
    return figure


def _rows(axes: Axes, one: Spikes, first: int, colour: str) -> int:
    shown = one.rows < _MOST_ROWS
    axes.plot(one.times_ms[shown], one.rows[shown] + first, linestyle="none", marker="|", markersize=2, color=colour)
    return first + min(one.neurons, _MOST_ROWS)


def _of_nix(folder: Path, path: str) -> Spikes:
    import neo  # noqa: PLC0415 - takes a second, which NEST's own files need not

    try:
        with neo.io.NixIO(str(paths.inside(folder, path)), mode="ro") as file:
            trains = [train for segment in file.read_block().segments for train in segment.spiketrains]
        times = [np.asarray(train.rescale("ms").magnitude, dtype=float) for train in trains]
        stop = max((float(train.t_stop.rescale("ms")) for train in trains), default=0.0)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise ToolError(f"{folder / path}: Neo cannot read it ({error}); `fetch()` brings it again") from error
    rows = np.repeat(np.arange(len(times)), [len(one) for one in times])
    label = PurePosixPath(path).stem.removeprefix("spikes-")
    return Spikes(label, np.concatenate(times) if times else np.empty(0), rows, len(times), stop, silent_known=True)


def _of_nest(folder: Path, name: str, same: Sequence[str]) -> Spikes | None:
    """What all threads and ranks wrote of one recorder; None if these are no spikes."""
    tables = [_table(folder, path) for path in same]
    if any(table is None for table in tables):
        return None
    senders, times = np.concatenate([table for table in tables if table is not None]).T
    known, rows = np.unique(senders, return_inverse=True)
    label = PurePosixPath(name).name
    return Spikes(label, times, rows.astype(np.int64), len(known), float(times.max(initial=0.0)), silent_known=False)


def _table(folder: Path, path: str) -> NDArray[np.float64] | None:
    with paths.opened(folder, path) as file:
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    rest = [line for line in lines if line and not line.startswith("#")]
    if not rest or tuple(rest[0].split()) != _NEST_SPIKES:
        return None
    try:
        return np.array([line.split() for line in rest[1:]], dtype=float).reshape(-1, len(_NEST_SPIKES))
    except ValueError as error:
        raise ToolError(f"{folder / path}: a line is not a neuron and a time ({error}); `fetch()` brings it again") from error
