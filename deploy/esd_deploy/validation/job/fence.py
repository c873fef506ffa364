"""One JSON line from the first rank: how long it waited, at the end of MPI, for the last one, which came late on purpose.

MPI_Finalize waits in a PMIx fence that carries no data, as MPI_Init does: where nobody is waited for at the end, so it is at the start.
"""

import json
import sys
import time

from mpi4py import MPI

LATE_S = 1.0
world = MPI.COMM_WORLD
rank, size, library = world.rank, world.size, MPI.Get_library_version()
world.Barrier()
if size > 1 and rank == size - 1:
    time.sleep(LATE_S)
begun = time.monotonic()
MPI.Finalize()
if rank == 0:
    sys.stdout.write(
        json.dumps({"size": size, "late_s": LATE_S, "waited_s": time.monotonic() - begun, "library": library.split(",")[0]}) + "\n"
    )
