"""Checks that the ranks of a job step are one MPI world: `wireup.py RANKS` writes esd/wireup.json, or fails with the reason.

A client library that does not find Slurm's PMIx server fails in no way: each rank then is rank 0 of 1.
"""

import json
import socket
import sys
from pathlib import Path

from mpi4py import MPI  # type: ignore[import-not-found]


def main(expected: int) -> None:
    """Gather every rank's host name; exit with a message unless all are there."""
    world = MPI.COMM_WORLD
    if world.size != expected:
        sys.exit(
            f"wireup: rank {world.rank} of {world.size} on {socket.gethostname()}, but {expected} were launched: MPI did not reach PMIx"
        )
    hosts = world.gather(socket.gethostname(), root=0)
    if world.rank == 0:
        report = {"size": world.size, "hosts": sorted(set(hosts))}
        Path("esd/wireup.json").write_text(json.dumps(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]))
