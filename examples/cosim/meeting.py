"""How two programs of one MPI world find each other, and how the end of one ends the other."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# More ranks than cores, as on one machine: Open MPI would otherwise spin while it waits, and take the core from the side that computes.
os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")

from mpi4py import MPI
from terms import CELLS, NETWORK, Terms, agree

_TAG = 22


@dataclass(frozen=True)
class Meeting:
    """A side's own communicator, what was agreed, and the way to the other side (on the network's side: on its rank 0 only)."""

    local: MPI.Intracomm
    terms: Terms
    inter: MPI.Intercomm | None


def own_communicator(side: str) -> MPI.Intracomm:
    """The ranks of one side; both sides call this at the same time."""
    return MPI.COMM_WORLD.Split((NETWORK, CELLS).index(side), MPI.COMM_WORLD.rank)


def meet(local: MPI.Intracomm, mine: Terms) -> Meeting:
    """Compare both sides' terms on every rank, then join the two. Raises TermsError on every rank alike."""
    world = MPI.COMM_WORLD
    offers = world.allgather(mine)
    terms = agree(offers)
    sides = [one.side for one in offers]
    if mine.side == CELLS:
        return Meeting(local, terms, local.Create_intercomm(0, world, sides.index(NETWORK), _TAG))
    # Arbor sizes its buffers by its own number of ranks: one rank stands for the whole network.
    inter = MPI.COMM_SELF.Create_intercomm(0, world, sides.index(CELLS), _TAG) if local.rank == 0 else None
    return Meeting(local, terms, inter)


@contextmanager
def together(side: str) -> Iterator[None]:
    """Whatever ends this side early ends the other one, too, within seconds, and says why: the other one waits in a collective call."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001  # whatever it is, the other side must not wait for ever
        early = isinstance(error, SystemExit) and not error.code
        reason = "left before the end" if early else f"{type(error).__name__}: {error}"
        if os.environ.get("COSIM_TRACEBACK"):
            traceback.print_exc()
        print(f"cosim: {side}, rank {MPI.COMM_WORLD.rank}: {reason}; this ends all ranks of both sides", file=sys.stderr, flush=True)
        MPI.COMM_WORLD.Abort(1)
