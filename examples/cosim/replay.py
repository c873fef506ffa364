"""The cells again, without NEST: driven by the spikes that a coupled run recorded in spikes.npz. Compares with its cells.npz.

esd-deploy run replay.py --site local --image arbor …      (README.md)
"""

import json
import sys

import arbor as A
import numpy as np
from arbor import units as U
from cells import DRAINED, Cells, report, simulate
from meeting import MPI, together
from settings import CellsSettings, cells_settings, terms_of
from terms import CELLS, Terms

OFF_GRID_MS = 0.0125  # as in network.py
NEAR_MV = 1e-3


class Replayed(Cells):
    """The same cells; the neurons are sources inside Arbor."""

    def __init__(self, settings: CellsSettings, terms: Terms, senders: np.ndarray, times: np.ndarray) -> None:
        super().__init__(settings, terms)
        order = np.argsort(senders, kind="stable")
        bounds = np.searchsorted(senders[order], np.arange(self.settings.neurons + 1))
        self._times = [np.sort(times[order][bounds[i] : bounds[i + 1]]) + OFF_GRID_MS for i in range(self.settings.neurons)]

    def num_cells(self) -> int:
        return self.settings.cells + self.settings.neurons

    def cell_kind(self, gid: int) -> A.cell_kind:
        return A.cell_kind.cable if gid < self.settings.cells else A.cell_kind.spike_source

    def cell_description(self, gid: int) -> object:
        if gid < self.settings.cells:
            return super().cell_description(gid)
        times = self._times[gid - self.settings.cells]
        return A.spike_source_cell("spike", A.explicit_schedule([float(one) * U.ms for one in times]))

    def external_connections_on(self, gid: int) -> list[A.external_connection]:
        return []

    def connections_on(self, gid: int) -> list[A.connection]:
        if gid >= self.settings.cells:
            return []
        first = self.settings.cells
        return [A.connection((int(source) + first, "spike"), where, weight, self.delay) for source, where, weight in self.inputs(gid)]

    def probes(self, gid: int) -> list[A.probe]:
        return super().probes(gid) if gid < self.settings.cells else []


def main() -> int:
    settings, world = cells_settings(), MPI.COMM_WORLD
    spikes, terms = np.load("spikes.npz"), terms_of(CELLS, settings)
    cells = Replayed(settings, terms, spikes["senders"], spikes["times"])
    until = terms.duration_ms + DRAINED * terms.interval_ms
    samples, _, ran_s = simulate(cells, A.context(threads=settings.threads, mpi=world), until)
    report(world, samples, settings, ran_s, "replay")
    if world.rank:
        return 0
    mine, theirs = np.load("replay.npz")["voltages_mv"], np.load("cells.npz")["voltages_mv"]
    apart = float(np.abs(mine - theirs).max())
    print(json.dumps({"voltages_apart_mv": apart, "of_mv": round(float(np.ptp(theirs)), 1), "same": apart < NEAR_MV}))
    return 0 if apart < NEAR_MV else 1


if __name__ == "__main__":
    with together("replay"):
        code = main()
    sys.exit(code)
