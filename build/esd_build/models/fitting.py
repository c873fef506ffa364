"""Computes what a PyNN script needs of a SpiNNaker machine, by mapping it in the spinnaker image onto a virtual machine."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from esd_build.building.cache import Cache
from esd_build.data.errors import ToolError, UsageError
from esd_build.models.model import inside
from esd_build.tools.apptainer import Apptainer
from esd_build.tools.process import Account

CHIP_SDRAM = 128 * 1024**2
"""Bytes on each chip of a SpiNNaker-1 board; sPyNNaker's own mapping is what decides."""
BOARD_CHIPS = 48


class Share(BaseModel):
    """What one population takes; memory in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int
    sdram: int


class Fit(BaseModel):
    """A mapped network. Times in ms of biological time; `mapping_s` is what the mapping took here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cores: int
    system_cores: int
    chips: int
    boards: int
    sdram: int
    busiest_chip_cores: int
    populations: dict[str, Share]
    timestep_ms: float
    run_ms: float
    real_time_factor: float
    mapping_s: float
    machine_chips: int
    recorded: dict[str, list[str]]

    @property
    def run_s(self) -> float:
        """Seconds that the simulation itself takes on the machine, which runs in real time or slower by the factor."""
        return self.run_ms * self.real_time_factor / 1000


@dataclass(frozen=True)
class Mapper:
    """Maps scripts in one image; `folder` is its working folder."""

    image: Path
    apptainer: Apptainer
    account: Account
    folder: Path

    @classmethod
    def of(cls, image: Path) -> "Mapper":
        """Maps as the account that runs containers here, in its cache."""
        account = Account.current()
        cache = Cache.open(account)
        folder = cache.make_folder(cache.root / "models")
        return cls(image, Apptainer(account, folder), account, folder)

    def fit(self, script: str, files: Mapping[str, bytes], arguments: Sequence[str]) -> Fit:
        """Raises UsageError if the network does not fit, ToolError if the script does not come to its `run`."""
        work = self.folder / "fit"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        for name, content in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(content)
        self.account.own(work)
        command = ("python3", "/inside/fit.py", "/work", f"/work/{script}", *arguments)
        finished = self.apptainer.execute(self.image, command, binds={inside(): "/inside:ro", work: "/work"})
        result = work / "fit.json"
        if not result.is_file():
            end = "\n".join(f"  {line}" for line in finished.tail[-12:])
            raise ToolError(f"{script} ended without calling run() of sPyNNaker; it must use the backend in $PYNN_SIMULATOR\n{end}")
        found = json.loads(result.read_text(encoding="utf-8"))
        if "error" in found:
            raise UsageError(f"{script} cannot be mapped on a SpiNNaker machine: {found['error']}")
        return Fit.model_validate(found)
