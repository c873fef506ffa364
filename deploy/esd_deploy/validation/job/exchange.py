"""Every pair of ranks exchanges small and large messages, so that MPI shows the transports that it chooses for both."""

import json
import os
import sys

import numpy as np
from mpi4py import MPI

world = MPI.COMM_WORLD
for size in (8, 8192, 262144, 4194304):
    sent, received = np.full(size, world.rank, "u1"), np.empty(size, "u1")
    for distance in range(1, world.size):
        to, source = (world.rank + distance) % world.size, (world.rank - distance) % world.size
        world.Sendrecv(sent, to, recvbuf=received, source=source)
        if not (received == source).all():
            sys.exit(f"exchange: rank {world.rank} got other bytes than rank {source} sent")
facts = {"size": world.size, "namespace": os.readlink("/proc/self/ns/user"), "node": os.uname().nodename}
sys.stdout.write(json.dumps(facts) + "\n")
