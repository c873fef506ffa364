"""How long an image takes to start on many nodes, by simulation: read from a parallel file system, spread by sbcast, or there before.

    python benchmarks/deploy/image_starts.py --reads 900 --megabytes 40 --size 209 --cpu 1.2 [--plot FILE.svg] [--here 2]

The first four options are measured: reads of new pages in one start and the megabytes of all its pages
(benchmarks/images/reads.py), the file's megabytes, processor seconds of one start. Prints seconds until the last node has started, for the
two file systems of SYSTEMS. With --here N: only what the model says of 1 to 16 starts at once on one machine of N cores, for comparison.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simpy

NODES = (1, 2, 4, 8, 16, 32, 64, 100, 316, 1000, 3162, 10_000)
TOGETHER = (1, 2, 4, 8, 16)
GROUPS = 20
"""Reads of a start are simulated in so many groups, each one request of the server: ten thousand nodes are 200 000 requests."""


@dataclass(frozen=True)
class Start:
    """Of one start: reads, one after the other; their bytes; the file's bytes; seconds of one core."""

    reads: int
    read_bytes: float
    file_bytes: float
    cpu_s: float


@dataclass(frozen=True)
class System:
    """A parallel file system with the nodes' network; seconds, and bytes in a second.

    The image lies on one server (one stripe, which is the default for files of this size). `answer_s`: from a request to the first byte,
    without waiting for others. `disk`: what a node writes to its own disk.
    """

    name: str
    server: float
    answer_s: float
    network: float
    disk: float
    fanout: int = 8
    block: float = 8e6


SYSTEMS = (
    System("2014, disks", server=1.1e9, answer_s=2e-3, network=3e9, disk=0.5e9),
    System("2020s, flash", server=20e9, answer_s=0.3e-3, network=12.5e9, disk=2e9),
)
LOCAL_READ_S = 0.05e-3
"""One read of a file on the node's own disk, or in its memory: an assumption, small beside the processor's time."""

Steps = Iterator[Any]


def from_file_system(world: simpy.Environment, start: Start, system: System, nodes: int) -> None:
    """Every node reads what it needs from the one server, which answers in the order of arrival."""
    server = simpy.Resource(world, capacity=1)
    group = start.read_bytes / GROUPS / system.server

    def node() -> Steps:
        for _ in range(GROUPS):
            yield world.timeout(start.reads / GROUPS * system.answer_s + start.cpu_s / GROUPS)
            with server.request() as turn:
                yield turn
                yield world.timeout(group)

    for _ in range(nodes):
        world.process(node())


def by_sbcast(world: simpy.Environment, start: Start, system: System, nodes: int) -> None:
    """The file goes block by block down a tree; sbcast sends the next block once all nodes have written this one. Then all start."""
    blocks = math.ceil(start.file_bytes / system.block)

    def send(first: int, last: int) -> Steps:
        """To the nodes first…last-1: to the first of each of `fanout` parts, one after the other; each passes it on to its part."""
        parts = [part for part in _parts(first, last, system.fanout) if part[0] < part[1]]
        below = []
        for begin, end in parts:
            yield world.timeout(system.block / system.network)
            below.append(world.process(keep(begin, end)))
        yield world.all_of(below)

    def keep(first: int, last: int) -> Steps:
        written = world.timeout(system.block / system.disk)
        further = world.process(send(first + 1, last))
        yield written & further

    def whole() -> Steps:
        yield world.timeout(system.answer_s + system.block / system.server)
        yield world.process(send(0, nodes))
        yield world.timeout((blocks - 1) * world.now)  # all blocks take the same time, so one is enough
        yield world.timeout(start.reads * LOCAL_READ_S + start.cpu_s)

    world.process(whole())


def on_the_nodes(world: simpy.Environment, start: Start, _system: System, nodes: int) -> None:
    """The file is on each node's disk already."""

    def node() -> Steps:
        yield world.timeout(start.reads * LOCAL_READ_S + start.cpu_s)

    for _ in range(nodes):
        world.process(node())


WAYS: dict[str, Callable[[simpy.Environment, Start, System, int], None]] = {
    "read from the file system": from_file_system,
    "sbcast first": by_sbcast,
    "on the nodes already": on_the_nodes,
}


def seconds(way: str, start: Start, system: System, nodes: int) -> float:
    """Until the last node has started."""
    world = simpy.Environment()
    WAYS[way](world, start, system, nodes)
    world.run()
    return float(world.now)


def together(start: Start, cores: int, starts: int) -> float:
    """Seconds until the last of some starts at once on one machine, the file in its memory."""
    world = simpy.Environment()
    core = simpy.Resource(world, capacity=cores)

    def one() -> Steps:
        for _ in range(GROUPS):
            with core.request() as turn:
                yield turn
                yield world.timeout(start.cpu_s / GROUPS)
            yield world.timeout(start.reads / GROUPS * LOCAL_READ_S)

    for _ in range(starts):
        world.process(one())
    world.run()
    return float(world.now)


def _parts(first: int, last: int, count: int) -> list[tuple[int, int]]:
    size = math.ceil((last - first) / count)
    return [(min(last, first + i * size), min(last, first + (i + 1) * size)) for i in range(count)]


def plot(found: dict[str, dict[str, list[float]]], file: Path) -> None:
    """Seconds over nodes, a picture a file system."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - only --plot draws

    figure, axes = plt.subplots(1, len(found), figsize=(9, 3.6), sharey=True, layout="constrained")
    for axis, (system, rows) in zip(axes, found.items(), strict=True):
        for way, row in rows.items():
            axis.loglog(NODES, row, marker="o", label=way)
        axis.set(title=system, xlabel="nodes")
        axis.grid(visible=True, alpha=0.3)
    axes[0].set_ylabel("seconds until the last node has started")
    axes[0].legend()
    figure.savefig(file)


def main() -> None:
    """A table in Markdown for each file system."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--reads", "--megabytes", "--size", "--cpu"):
        parser.add_argument(name, type=float, required=True)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--here", type=int, metavar="CORES")
    given = parser.parse_args()
    start = Start(int(given.reads), given.megabytes * 1e6, given.size * 1e6, given.cpu)
    if given.here:
        print("| starts at once | by the model, s |\n|---|---|")
        for count in TOGETHER:
            print(f"| {count} | {together(start, given.here, count):.2f} |")
        return
    found = {system.name: {way: [seconds(way, start, system, nodes) for nodes in NODES] for way in WAYS} for system in SYSTEMS}
    for system, rows in found.items():
        print(f"\n{system}:\n\n| nodes | {' | '.join(rows)} |\n|---|{'---|' * len(rows)}")
        for place, nodes in enumerate(NODES):
            print(f"| {nodes} | {' | '.join(f'{row[place]:.1f}' for row in rows.values())} |")
    if given.plot:
        plot(found, given.plot)


if __name__ == "__main__":
    main()
