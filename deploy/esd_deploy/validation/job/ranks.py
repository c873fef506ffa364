"""One JSON line for each rank: where it is in the MPI world that it found."""

import json
import os
import sys

from mpi4py import MPI

world = MPI.COMM_WORLD
together = world.allreduce(1)  # a world whose ranks cannot talk ends here, not in a user's program
facts = {
    "rank": world.rank,
    "size": world.size,
    "together": together,
    "launched": int(os.environ.get("SLURM_NTASKS", "0")),
    "host": os.uname().nodename,
    "node": os.environ.get("SLURMD_NODENAME", ""),
    "namespace": os.readlink("/proc/self/ns/user"),
}
sys.stdout.write(json.dumps(facts) + "\n")
