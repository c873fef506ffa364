"""Version drift: what each stack (a site's modules, an image at a site) really has inside, and what that does to the numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from esd_build.data.errors import ToolError
from esd_build.net.answers import parsed
from esd_deploy.display import tables
from esd_deploy.plans import paths
from esd_deploy.records.record import RunRecord
from esd_deploy.studies.study import Study

Verdict = Literal["same", "differs", "unknown"]
_LONGEST = 16 * 1024**2
"""Bytes of what the probe writes."""
COMPONENTS = (
    "NEST", "PyNN", "nestml", "sPyNNaker", "arbor", "neuron", "neo", "elephant", "mpi4py", "numpy", "Python", "MPI", "PMIx",
)  # fmt: skip
TAG = "drift"
"""Of the runs that ask the stacks."""
SERVER = "PMIx server"
"""The site's own, which no image brings: shown, and no drift."""
_PIN_NAMES = {"nestml": "NESTML", "MPI": "Open MPI", "neo": "Neo", "elephant": "Elephant", "arbor": "Arbor", "neuron": "NEURON"}


@dataclass(frozen=True)
class Stack:
    """What one stack said; `problem` says why it could not be asked."""

    site: str
    mode: str
    image: str | None = None
    versions: Mapping[str, str] | None = None
    spike_hash: str | None = None
    rate_hz: float | None = None
    run_id: str | None = None
    problem: str = ""
    study: Study | None = None
    """What the probes of `--full` answered."""

    @property
    def name(self) -> str:
        return f"{self.site} {self.mode}" + (f" {self.image}" if self.image else "")


class _Finding(BaseModel):
    """What the probe's job wrote."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hash: str | None
    rate_hz: float | None = None
    study: Study | None = None


@dataclass(frozen=True)
class Row:
    """One component: the environment's pin, the version in each stack (None: not there, or not known), and the verdict."""

    component: str
    pin: str | None
    values: tuple[str | None, ...]
    verdict: Verdict
    off_pin: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Drift:
    """All stacks and rows."""

    stacks: tuple[Stack, ...]
    rows: tuple[Row, ...]

    def _repr_html_(self) -> str:
        rows = [(row.component, row.pin, *row.values, row.verdict) for row in self.rows]
        return tables.table("drift" if self.drifts else "no drift", rows, ("", "pin", *(stack.name for stack in self.stacks), ""))

    @property
    def drifts(self) -> bool:
        """Whether any component, or the numbers, differ between stacks or from the pins."""
        return any(row.verdict == "differs" for row in self.rows)

    @property
    def unknown(self) -> bool:
        """Whether a stack could not be asked."""
        return any(stack.problem for stack in self.stacks)


def judge(stacks: tuple[Stack, ...], pins: Mapping[str, str]) -> Drift:
    """Compare all stacks with each other and with the pins. A component that no stack has is left out; one that only some have differs."""
    asked = [stack for stack in stacks if stack.versions is not None]
    rows = []
    for component in (*COMPONENTS, SERVER):
        values = tuple((stack.versions or {}).get(component) for stack in stacks)
        if any(values):
            rows.append(_row(component, pins.get(_PIN_NAMES.get(component, component)), values, asked, stacks))
    hashes = tuple(stack.spike_hash and stack.spike_hash[:12] for stack in stacks)
    rows.append(_row("spikes of a fixed seed", None, hashes, asked, stacks))
    return Drift(stacks, tuple(rows))


def _row(component: str, pin: str | None, values: tuple[str | None, ...], asked: list[Stack], stacks: tuple[Stack, ...]) -> Row:
    said = [value for value, stack in zip(values, stacks, strict=True) if stack in asked]
    off = tuple(bool(pin and value and not _is(value, pin)) for value in values)
    if component == SERVER:
        return Row(component, None, values, "same" if len(set(said)) < 2 else "unknown", off)
    if len(set(said)) > 1 or any(off):
        return Row(component, pin, values, "differs", off)
    compared = len(said) > 1 or (pin is not None and said)
    return Row(component, pin, values, "same" if compared and None not in said else "unknown", off)


def _is(value: str, pin: str) -> bool:
    """`Open MPI v5.0.7` is the pin `5.0.7`, and `3.13.5` is of the pin `3.13`."""
    version = value.removeprefix("Open MPI ").removeprefix("v")
    return version == pin or version.startswith(f"{pin}.")


def stack(record: RunRecord, folder: Path) -> Stack:
    """What a finished run of the probe found."""
    image = record.image.reference.partition("@")[0].rsplit("/", 1)[-1] if record.image else None
    known = Stack(record.site, record.mode, image, run_id=record.id)
    if not record.succeeded or not record.versions:
        why = record.ending.because if record.ending else record.message
        return Stack(known.site, known.mode, image, run_id=record.id, problem=f"run {record.id}: {record.status} ({why})")
    try:
        found = _Finding.model_validate(parsed(paths.read(folder, "drift.json", _LONGEST), "drift.json"))
        return Stack(known.site, known.mode, image, record.versions, found.hash, found.rate_hz, record.id, study=found.study)
    except (OSError, ValueError, ToolError) as error:
        return Stack(known.site, known.mode, image, record.versions, run_id=record.id, problem=f"run {record.id}: no drift.json ({error})")
