"""Measures one model with several installations of NEST side by side: in turns, one start each, so that all see the same machine.

    python3 peers.py --model models/balanced.yaml --size 5000 --threads 2 --pairs 5 \
        --peer wheel=/opt/wheel/bin/python3 --peer "image=apptainer -q exec nest.sif python3" --peer "tree=chroot /srv/tree python3"

A peer is a name and the command that starts its Python. The first one is the reference. All of them run measure.py with the same
seeds. The table has medians, the ratio
reference / peer of each turn with its 95 % interval, and whether the spikes of each seed were as many.
"""

import argparse
import json
import math
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from esd_deploy.bench import series
from esd_deploy.bench.measured import Repetition, read
from esd_deploy.bench.order import BESIDE, PROGRAM
from esd_deploy.bench.reports.report import Summary

JOB = Path(series.__file__).parent / "job"
MEASURES = {
    "simulation (s)": lambda one: one.timer("time_simulate"),
    "construction (s)": lambda one: sum(one.time(name) or math.nan for name in ("py_time_create", "py_time_connect", "py_time_prepare")),
    "import nest (s)": lambda one: one.time("py_time_import"),
    "peak memory (MB)": lambda one: (one.memory("peak_simulation") or math.nan) * 1024 / 1e6,
}


@dataclass(frozen=True)
class Peer:
    """One installation of NEST."""

    name: str
    command: tuple[str, ...]

    @classmethod
    def typed(cls, word: str) -> "Peer":
        name, equals, command = word.partition("=")
        if not equals or not command:
            raise argparse.ArgumentTypeError(f"{word!r}: expected NAME=COMMAND")
        return cls(name, tuple(shlex.split(command)))


def main() -> int:
    """Exit code 1 if a start failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--size", type=float, required=True)
    parser.add_argument("--peer", type=Peer.typed, action="append", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--warm-up-ms", type=float, default=200)
    parser.add_argument("--model-time-ms", type=float, default=1000)
    parser.add_argument("--limit-s", type=int, default=600)
    parser.add_argument("--json", type=Path)
    o = parser.parse_args()
    model, found = series.load_model(o.model), {one.name: [] for one in o.peer}
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        place = Path(folder)
        place.chmod(0o777)
        for path in (*(JOB / name for name in (PROGRAM, *BESIDE)), *(model.file(name) for name in (model.program, *model.inputs))):
            shutil.copy(path, place / path.name)
        for turn in range(1, o.pairs + 1):
            order = o.peer if turn % 2 else [*reversed(o.peer)]  # what drifts meets each of them as often first
            for peer in order:
                found[peer.name].append(start(peer, place, model, o, turn))
    tell(o.peer, found)
    if o.json:
        o.json.write_text(json.dumps({name: [one.model_dump(mode="json") for one in ones] for name, ones in found.items()}, indent=1))
    return 0


def start(peer: Peer, place: Path, model: series.Model, o: argparse.Namespace, turn: int) -> Repetition:
    """One start, in a folder of its own. Ends the program with its message if it fails."""
    shutil.rmtree(place / "bench", ignore_errors=True)
    (place / "bench").mkdir(mode=0o777)
    (place / "bench").chmod(0o777)
    arguments = (
        *("--model", Path(model.program).name, "--size", f"{o.size:g}", "--warm-up-ms", f"{o.warm_up_ms:g}"),
        *("--model-time-ms", f"{o.model_time_ms:g}", "--resolution-ms", f"{model.resolution_ms:g}", "--sample", str(model.sample)),
        *("--threads", str(o.threads), "--repetition", str(turn)),
    )
    environment = {**os.environ, "OMP_NUM_THREADS": str(o.threads)}
    done = subprocess.run(
        [*peer.command, PROGRAM, *arguments], cwd=place, capture_output=True, text=True, timeout=o.limit_s, env=environment, check=False
    )
    repetitions, wrong = read(place)
    if done.returncode or len(repetitions) != 1:
        sys.exit(f"peers.py: {peer.name}, turn {turn}: exit code {done.returncode}; {' '.join(wrong)}\n{done.stderr[-2000:]}")
    (one,) = repetitions
    print(
        f"turn {turn} {peer.name:12} simulation {one.timer('time_simulate'):.3f} s, load {one.load:.1f}, {one.spikes} spikes",
        file=sys.stderr,
        flush=True,
    )
    return one


def tell(peers: list[Peer], found: dict[str, list[Repetition]]) -> None:
    """A table in Markdown."""
    first = found[peers[0].name]
    print(f"| | {' | '.join(one.name for one in peers)} |\n|---|{'---|' * len(peers)}")
    for label, measure in MEASURES.items():
        reference = [measure(one) for one in first]
        cells = []
        for peer in peers:
            values = [measure(one) for one in found[peer.name]]
            ratio = Summary.of([a / b for a, b in zip(reference, values, strict=True)])
            interval = "" if ratio.low is None or peer is peers[0] else f" (ratio {ratio.median:.3f} [{ratio.low:.3f}, {ratio.high:.3f}])"
            cells.append(f"{statistics.median(values):.3f}{interval}")
        print(f"| {label} | {' | '.join(cells)} |")
    same = [all(one.spikes == other.spikes for one, other in zip(first, found[peer.name], strict=True)) for peer in peers]
    print(f"| as many spikes for each seed | {' | '.join('yes' if one else 'no' for one in same)} |")
    loads = [max(one.load for one in found[peer.name]) for peer in peers]
    print(f"| highest load | {' | '.join(f'{one:.1f}' for one in loads)} |")


if __name__ == "__main__":
    sys.exit(main())
