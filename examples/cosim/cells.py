"""The cells' side: cable cells in Arbor, driven by the network's spikes, and the potentials that they give off.

Second program of a run (`--component`); needs the image arbor.
"""

import json
import time
from dataclasses import asdict
from pathlib import Path

import arbor as A
import lfp
import numpy as np
from arbor import units as U
from meeting import MPI, meet, own_communicator, together
from settings import CellsSettings, cells_settings, terms_of
from terms import CELLS, Terms
from tree import COUNTER, EXACT, cell, morphology, position_um, sources

DRAINED = 3  # intervals after the end: until then the last spikes are on their way


COUNTED = ("count", "sum")
"""The counter's two synapses, in the order of the cell's targets."""


class Cells(A.recipe):
    """All cells, driven from outside."""

    def __init__(self, settings: CellsSettings, terms: Terms) -> None:
        super().__init__()
        self.settings, self.delay = settings, terms.delay_ms * U.ms
        self.shape = morphology(settings)
        self.properties = A.neuron_cable_properties()

    def num_cells(self) -> int:
        return self.settings.cells

    def cell_kind(self, gid: int) -> A.cell_kind:
        return A.cell_kind.cable

    def cell_description(self, gid: int) -> A.cable_cell:
        return cell(gid, self.shape)

    def global_properties(self, kind: A.cell_kind) -> A.cable_global_properties:
        return self.properties

    def external_connections_on(self, gid: int) -> list[A.external_connection]:
        return [A.external_connection((int(source), 0), where, weight, self.delay) for source, where, weight in self.inputs(gid)]

    def inputs(self, gid: int) -> list[tuple[int, str, float]]:
        """(neuron, synapse, weight in microsiemens) of a cell."""
        round_robin = A.selection_policy.round_robin
        found = [(source, ("inputs", round_robin), self.settings.weight_us) for source in sources(gid, self.settings)]
        if gid == COUNTER:
            for source in range(self.settings.neurons):
                found += [(source, "count", EXACT), (source, "sum", (source + 1) * EXACT)]
        return found

    def probes(self, gid: int) -> list[A.probe]:
        found = [A.cable_probe_membrane_voltage("(location 0 0.5)", "voltage")]
        if self.settings.electrodes:
            found.append(A.cable_probe_total_current_cell("current"))
        if gid == COUNTER:
            found += [A.cable_probe_point_state(target, "expsyn", "g", name) for target, name in enumerate(COUNTED)]
        return found


class Samples:
    """What is sampled, and what is made of it when the run is over."""

    def __init__(self, sim: A.simulation, cells: Cells, gids: list[int], end_ms: float) -> None:
        settings = cells.settings
        every, field = A.regular_schedule(settings.sample_ms * U.ms), A.regular_schedule(1 * U.ms)
        self._sim, self._cells, self._gids = sim, cells, gids
        self._voltages = {gid: sim.sample(gid, "voltage", every) for gid in gids}
        self._currents = {gid: sim.sample(gid, "current", field) for gid in gids if settings.electrodes}
        moments = A.explicit_schedule([(end_ms - settings.step_ms) * U.ms])
        self._counted = [sim.sample(COUNTER, name, moments) for name in COUNTED if COUNTER in gids]

    def voltages(self) -> dict[int, np.ndarray]:
        return {gid: self._sim.samples(handle)[0][0][:, 1] for gid, handle in self._voltages.items()}

    def counted(self) -> tuple[int, int] | None:
        """Spikes that arrived at the counter, and the sum of their senders' numbers (from 1). None on ranks without the counter."""
        if not self._counted:
            return None
        counted, added = (round(float(self._sim.samples(one)[0][0][-1, 1]) / EXACT) for one in self._counted)
        return counted, added

    def field(self) -> tuple[np.ndarray, dict[str, float]]:
        """The potential in mV at each electrode and each ms of this rank's cells; and how well it can be trusted."""
        settings = self._cells.settings
        electrodes = lfp.electrodes_um(settings.electrodes)
        total: np.ndarray | float = 0.0
        worst_sum = worst_hand = 0.0
        for gid, handle in self._currents.items():
            samples, cables = self._sim.samples(handle)[0]
            currents = samples[:, 1:]
            geometry, owners = lfp.pieces(self._cells.shape, cables)
            given = (geometry, owners, len(cables), electrodes, position_um(gid, settings))
            matrix, hand = lfp.matrix(*given), lfp.by_hand(*given)
            worst_hand = max(worst_hand, float(np.abs(matrix - hand).max() / np.abs(hand).max()))
            worst_sum = max(worst_sum, float(np.abs(currents.sum(axis=1)).max() / np.abs(currents).max()))
            total = total + matrix @ currents.T
        return np.asarray(total), {"off_the_formula": worst_hand, "current_sum": worst_sum}


def simulate(cells: Cells, context: A.context, until_ms: float) -> tuple[Samples, list[int], float]:
    """Run to the end; returns samples, this rank's cells, and the seconds that it took."""
    hint = A.partition_hint()
    decomposition = A.partition_load_balance(cells, context, {A.cell_kind.cable: hint})
    gids = [gid for group in decomposition.groups for gid in group.gids if gid < cells.settings.cells]
    sim = A.simulation(cells, context, decomposition)
    samples = Samples(sim, cells, gids, until_ms)
    begin = time.perf_counter()
    sim.run(until_ms * U.ms, cells.settings.step_ms * U.ms)
    return samples, gids, time.perf_counter() - begin


def report(local: MPI.Intracomm, samples: Samples, settings: CellsSettings, ran_s: float, name: str) -> None:
    """Gather all ranks' results; rank 0 writes `name`.json and `name`.npz."""
    arrays: dict[str, np.ndarray] = {}
    checks = None
    if settings.electrodes:
        mine, own_checks = samples.field()
        whole = np.zeros_like(mine) if local.rank == 0 else None
        local.Reduce(mine, whole)
        checks = local.gather(own_checks)
        if whole is not None:
            arrays["field_mv"] = whole
    shares, counts = local.gather(samples.voltages()), local.gather(samples.counted())
    if shares is None:
        return
    every = {gid: one for share in shares for gid, one in share.items()}
    arrays["voltages_mv"] = np.array([every[gid] for gid in sorted(every)])
    counted, added = next(one for one in counts if one is not None)
    found = {"settings": asdict(settings), "ranks": local.size, "counted": counted, "sum_of_senders": added, "ran_s": round(ran_s, 3)}
    if checks is not None:
        found["field"] = {one: max(check[one] for check in checks) for one in checks[0]} | {
            "finite": bool(np.isfinite(arrays["field_mv"]).all())
        }
    np.savez(f"{name}.npz", **arrays)
    Path(f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps({one: found[one] for one in found if one != "settings"}))


def main() -> None:
    local = own_communicator(CELLS)
    settings = cells_settings()
    meeting = meet(local, terms_of(CELLS, settings))
    context = A.context(threads=settings.threads, mpi=meeting.local, inter=meeting.inter)
    cells = Cells(settings, meeting.terms)
    samples, _, ran_s = simulate(cells, context, meeting.terms.duration_ms + DRAINED * meeting.terms.interval_ms)
    report(local, samples, settings, ran_s, "cells")


if __name__ == "__main__":
    with together(CELLS):
        main()
