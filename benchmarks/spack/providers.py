"""The balanced network on two nodes, from images of the same environment by several providers, in turns.

    python -m benchmarks.spack.providers --site local nest:edge nest:edge-system-trixie [--rounds 3] [--neurons 5000]

The images must lie in the site's registry. Prints a table: for each image the seconds of building and of simulating (median of the
rounds, and all of them), the mean rates, and a hash of all recorded spike times; ends with 1 where the hashes differ.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import neo

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "balanced_network" / "balanced_network.py"


@dataclass(frozen=True)
class Round:
    """One run: seconds, spikes per second, and a hash of the recorded spike times."""

    build_s: float
    simulate_s: float
    rates_hz: tuple[float, float]
    spikes: str


def spike_hash(folder: Path) -> str:
    """Of all recorded spike times (ms, to the last bit), neuron by neuron; the files themselves hold names that are made up each time."""
    digest = hashlib.sha256()
    for population in ("excitatory", "inhibitory"):
        with neo.io.NixIO(str(folder / f"spikes-{population}.nix"), mode="ro") as file:
            for train in file.read_block().segments[0].spiketrains:
                digest.update(train.rescale("ms").magnitude.tobytes() + b"|")
    return digest.hexdigest()[:16]


def run(image: str, site: str, neurons: int, output: Path) -> Round:
    """One run on two nodes, one rank each, all neurons' spikes that the script keeps."""
    command = (Path(sys.executable).parent / "esd-deploy", "run", SCRIPT, "--site", site, "--image", image, "--nodes", "2")
    options = ("--output", output, "--json", "--", "--neurons", neurons)
    finished = subprocess.run([str(word) for word in (*command, *options)], stdout=subprocess.PIPE, text=True, check=True)
    record = json.loads(finished.stdout)
    found = record["metrics"]
    rates = (found["rate_excitatory_hz"], found["rate_inhibitory_hz"])
    return Round(found["build_time_s"], found["simulation_time_s"], rates, spike_hash(output / record["id"]))


def row(image: str, rounds: list[Round]) -> str:
    """One line of the table."""

    def seconds(values: list[float]) -> str:
        return f"{median(values):.2f} ({', '.join(f'{value:.2f}' for value in values)})"

    rates = "/".join(f"{rate:.2f}" for rate in rounds[0].rates_hz)
    spikes = ", ".join(sorted({found.spikes for found in rounds}))
    return f"| {image} | {seconds([r.build_s for r in rounds])} | {seconds([r.simulate_s for r in rounds])} | {rates} | `{spikes}` |"


def main() -> None:
    """Run all rounds, each image once in each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+")
    parser.add_argument("--site", default="local")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--neurons", type=int, default=5000)
    options = parser.parse_args()
    found: dict[str, list[Round]] = {image: [] for image in options.images}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            for image, rounds in found.items():
                rounds.append(run(image, options.site, options.neurons, Path(folder)))
    print("| image | build, s | simulate, s | rates, Hz | spikes |\n|---|---|---|---|---|")
    for image, rounds in found.items():
        print(row(image, rounds))
    raise SystemExit(len({r.spikes for rounds in found.values() for r in rounds}) > 1)


if __name__ == "__main__":
    main()
