"""Push and pull of a large file, with our client and with `oras`: python -m benchmarks.registry.push_pull [--mb 2048] [--oras PATH].

Both speak TLS with the same docker-registry on loopback. Prints a table.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.registry.measure import CLIENT, Cost, cost_of, drop_page_cache, random_file
from tests.esd_build.registry.servers import RegistryServer, running_registry

SIF = "application/vnd.sylabs.sif.layer.v1.sif"


def commands(server: RegistryServer, oras: str, folder: Path, file: Path) -> dict[str, tuple[str, ...]]:
    """What is measured."""
    ours = (*CLIENT, "{}", server.host, str(server.tls.ca_file), str(folder / "unfinished"))
    place = ("--ca-file", str(server.tls.ca_file), f"{server.host}/esd/oras:edge")
    return {
        "push, oras": (oras, "push", *place, f"{file.name}:{SIF}"),
        "push, ours": (*(part.format("push") for part in ours), str(file)),
        "pull, oras": (oras, "pull", "--output", str(folder / "pulled-oras"), *place),
        "pull, ours": (*(part.format("pull") for part in ours), str(folder / "pulled-ours" / file.name)),
    }


def round_of(server: RegistryServer, oras: str, folder: Path, file: Path) -> dict[str, Cost]:
    """Each command once, with an empty registry and no page cache to start from."""
    costs = {}
    for name, argv in commands(server, oras, folder, file).items():
        drop_page_cache()
        costs[name] = cost_of(argv, folder)
    for pulled in (folder / "pulled-oras" / file.name, folder / "pulled-ours" / file.name):
        cost_of(("cmp", str(pulled), str(file)), folder)
    server.stop()
    for leftover in (server.storage, folder / "pulled-oras", folder / "pulled-ours"):
        shutil.rmtree(leftover)
    server.start()
    return costs


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mb", type=int, default=2048)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--oras", default=shutil.which("oras") or "oras")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = random_file(folder / "image.sif", chosen.mb * 1024**2)
        with running_registry(folder) as server:
            rounds = [round_of(server, chosen.oras, folder, file) for _ in range(chosen.rounds)]
    print(f"{chosen.mb} MiB, {chosen.rounds} rounds: median (all) seconds, CPU seconds of the client, largest resident memory\n")
    print("| | seconds | CPU s | peak MB |\n|---|---|---|---|")
    for what in rounds[0]:
        costs = [costs[what] for costs in rounds]
        seconds = [cost.seconds for cost in costs]
        listed = ", ".join(f"{value:.1f}" for value in seconds)
        cpu = statistics.median(cost.cpu_seconds for cost in costs)
        print(f"| {what} | {statistics.median(seconds):.1f} ({listed}) | {cpu:.1f} | {max(cost.peak_mb for cost in costs):.0f} |")


main()
