"""Arbor's protocol for coupled simulators (version 0.1.0), spoken with mpi4py: what a partner of Arbor needs, and no Arbor.

Once an epoch, over an intercommunicator: a control message of 1024 bytes (Allreduce), the number of spikes (Allgather), then the spikes
(Allgatherv). Arbor sizes its buffers by its own number of ranks, so its partner must be one rank: gather on it first.
"""

import struct
from dataclasses import dataclass

import numpy as np
from mpi4py import MPI

SPIKE = np.dtype([("gid", np.uint32), ("lid", np.uint32), ("time_ms", np.float64)])
"""A spike as Arbor sends it: the cell, the place on it, the time."""

ABORT, EPOCH, DONE = 1, 2, 3
_MAGIC = bytes((0xAB, 0, 1, 0))
_LENGTH = 1024


class RemoteError(Exception):
    """The partner said something that this protocol does not have."""


@dataclass(frozen=True)
class Epoch:
    """A stretch of time that a simulator has finished."""

    begin_ms: float
    end_ms: float


class Remote:
    """One side of the coupling, on a rank that stands for all of its own side."""

    def __init__(self, inter: MPI.Intercomm) -> None:
        self._inter = inter
        self._counts = np.zeros(inter.Get_remote_size(), np.int32)

    def control(self, epoch: Epoch) -> Epoch | None:
        """Tell the partner which epoch is finished; returns the partner's, or None if the partner is through."""
        heard = bytearray(_LENGTH)
        told = (_MAGIC + bytes([EPOCH]) + struct.pack("=dd", epoch.begin_ms, epoch.end_ms)).ljust(_LENGTH, b"\0")
        self._inter.Allreduce([told, MPI.CHAR], [heard, MPI.CHAR], MPI.SUM)
        if bytes(heard[:4]) != _MAGIC:
            raise RemoteError(f"the partner speaks another version of Arbor's protocol: {heard[:4].hex()}, not {_MAGIC.hex()}")
        if heard[4] == DONE:
            return None
        if heard[4] != EPOCH:
            raise RemoteError(f"the partner sent message {heard[4]}, where an epoch was due")
        return Epoch(*struct.unpack_from("=dd", heard, 5))

    def spikes(self, mine: np.ndarray) -> np.ndarray:
        """Exchange the spikes of an epoch (arrays of SPIKE)."""
        self._inter.Allgather([np.array([len(mine)], np.int32), MPI.INT], [self._counts, MPI.INT])
        theirs = np.empty(int(self._counts.sum()), SPIKE)
        sizes = self._counts * SPIKE.itemsize
        places = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        self._inter.Allgatherv([mine.view(np.uint8), MPI.BYTE], [theirs.view(np.uint8), (sizes, places), MPI.BYTE])
        return theirs
