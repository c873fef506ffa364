"""The settings of both sides, from the file `cosim.json` beside the scripts (examples in README.md); what it leaves out has a default."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from terms import CELLS, NETWORK, Terms, TermsError

FILE = Path("cosim.json")


@dataclass(frozen=True)
class NetworkSettings:
    """A balanced random network in NEST."""

    step_ms: float = 0.1
    interval_ms: float = 1.0
    duration_ms: float = 1000.0
    excitatory: int = 2000
    inhibitory: int = 500
    inputs: int = 250
    threads: int = 1
    seed: int = 1
    feedback: int = 0  # so many neurons hear the cells
    feedback_weight_pa: float = 200.0

    @property
    def neurons(self) -> int:
        return self.excitatory + self.inhibitory


@dataclass(frozen=True)
class CellsSettings:
    """Cells with branches in Arbor, and the electrodes beside them."""

    step_ms: float = 0.025
    interval_ms: float = 1.0
    duration_ms: float = 1000.0
    neurons: int = 2500  # of the network: where spikes may come from
    cells: int = 20
    inputs: int = 100
    weight_us: float = 0.0005
    morphology: str = ""  # an SWC file; without one, a small tree
    electrodes: int = 0  # along a shaft through the middle; 0: no field is computed
    sample_ms: float = 0.1
    seed: int = 2
    threads: int = 1


def network_settings(path: Path = FILE) -> NetworkSettings:
    return NetworkSettings(**_section(path, NETWORK, NetworkSettings))


def cells_settings(path: Path = FILE) -> CellsSettings:
    return CellsSettings(**_section(path, CELLS, CellsSettings))


def terms_of(side: str, own: NetworkSettings | CellsSettings) -> Terms:
    return Terms(side, own.step_ms, own.interval_ms, own.duration_ms, own.neurons)


def _section(path: Path, side: str, kind: type) -> dict[str, Any]:
    """One side's part of the file. Raises TermsError for what no setting is called."""
    found = json.loads(path.read_text())[side] if path.is_file() else {}
    known = {one.name: one.type for one in fields(kind)}
    for name, value in found.items():
        if name not in known:
            raise TermsError(f"{path}: {side} has no setting '{name}'; it has {', '.join(known)}")
        if type(value) is not known[name] and not (known[name] is float and type(value) is int):
            raise TermsError(f"{path}: {side}: {name} = {value!r} must be of type {known[name].__name__}")
    return found
