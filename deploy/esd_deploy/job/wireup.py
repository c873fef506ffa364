"""Checks that the ranks of a job step are one MPI world: `wireup.py RANKS` writes esd/wireup.json, or fails with the reason.

A client library that does not find Slurm's PMIx server fails in no way: each rank then is rank 0 of 1. Meanwhile one rank reads the
versions inside (versions.py), which spares a start of the container; where that fails, job.sh asks for them in a step of their own.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

_LAUNCHER = ("PMI", "SLURM_", "OMPI_", "PRTE_", "PSP_", "MPI_")
_VERSIONS_S = 25
"""Less than launch.py adds to the time limit for it."""


def begin_versions() -> "subprocess.Popen[bytes] | None":
    """The report of versions, by the first rank; as a process of its own, which must not take this rank's place at the PMIx server."""
    if os.environ.get("SLURM_PROCID") != "0":
        return None
    alone = {name: value for name, value in os.environ.items() if not name.startswith(_LAUNCHER) or name == "PMIX_VERSION"}
    return subprocess.Popen((sys.executable, "esd/versions.py"), env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end_versions(process: "subprocess.Popen[bytes] | None", wait_s: float) -> None:
    """Wait for it so long at most, then end it."""
    if process is None:
        return
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(expected: int) -> None:
    """Gather every rank's host name; exit with a message unless all are there."""
    from mpi4py import MPI  # type: ignore[import-not-found]  # noqa: PLC0415 - begun after the report, which it would delay

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
    reading = begin_versions()
    try:
        main(int(sys.argv[1]))
    except BaseException:
        end_versions(reading, 0)  # the reason is wanted at once
        raise
    end_versions(reading, _VERSIONS_S)
