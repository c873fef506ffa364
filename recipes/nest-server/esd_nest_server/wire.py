"""MPI between the ranks, by mpi4py. A rank that waits for an order yields its core, and naps once the pause is long."""

import os
import pickle
import sys
import time
from typing import Any

import numpy

from esd_nest_server.team import Order

_BRISK_S = 0.05
"""So long a rank waits without a nap: longer than the pause between two steps of a closed loop."""
_NAP_S = 0.001


class MpiWire:
    """All ranks of a communicator of our own. `grace_s`: how long a rank whose call failed waits for the others, in seconds."""

    def __init__(self, comm: Any, op_max: Any, grace_s: float) -> None:
        self._comm = comm
        self._max = op_max
        self._grace_s = grace_s
        self.rank = int(comm.Get_rank())
        self.size = int(comm.Get_size())

    def order(self, order: Order = None) -> Order:
        content = pickle.dumps(order, pickle.HIGHEST_PROTOCOL) if self.rank == 0 else b""
        size = numpy.array([len(content)], dtype=numpy.int64)
        self._wait(self._comm.Ibcast(size, root=0))
        buffer = numpy.frombuffer(content, dtype=numpy.uint8) if self.rank == 0 else numpy.empty(int(size[0]), dtype=numpy.uint8)
        self._comm.Bcast(buffer, root=0)
        return order if self.rank == 0 else pickle.loads(buffer.tobytes())

    def any_failed(self, *, failed: bool) -> bool:
        own, most = numpy.array([failed], dtype=numpy.int32), numpy.zeros(1, dtype=numpy.int32)
        if not self._wait(self._comm.Iallreduce(own, most, op=self._max), self._grace_s if failed else None):
            print(
                f"nest-server: a call failed on rank {self.rank} only, and the other ranks wait in NEST for it; the service ends",
                file=sys.stderr,
                flush=True,
            )
            self._comm.Abort(1)
        return bool(most[0])

    def gather(self, value: Any) -> list[Any] | None:
        found: list[Any] | None = self._comm.gather(value, root=0)
        return found

    def _wait(self, request: Any, limit_s: float | None = None) -> bool:
        """Whether the request was completed within the limit."""
        begun = time.monotonic()
        while not request.Test():
            waited = time.monotonic() - begun
            if limit_s is not None and waited > limit_s:
                return False
            if waited < _BRISK_S:
                os.sched_yield()
            else:
                time.sleep(_NAP_S)
        return True
