"""Mapping a script in the spinnaker image, with a stand-in for Apptainer."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_build.models.fitting import Mapper
from esd_build.tools.process import Account, Finished

FIT = {
    "cores": 30,
    "system_cores": 49,
    "chips": 3,
    "boards": 1,
    "sdram": 40_000_000,
    "busiest_chip_cores": 15,
    "populations": {"excitatory": {"cores": 30, "sdram": 40_000_000}},
    "timestep_ms": 0.1,
    "run_ms": 1000.0,
    "real_time_factor": 10.0,
    "mapping_s": 2.5,
    "machine_chips": 48,
    "recorded": {"excitatory": ["spikes"]},
}


@dataclass
class FakeApptainer:
    """Leaves what the script in the image would leave."""

    leaves: object
    command: tuple[str, ...] = ()

    def execute(self, image, command, *, binds, variables=None):
        self.command = command
        work = next(folder for folder, place in binds.items() if place == "/work")
        if self.leaves is not None:
            (work / "fit.json").write_text(json.dumps(self.leaves))
        return Finished(0, ("Traceback", "NameError: no"))


def mapper(tmp_path, leaves) -> Mapper:
    return Mapper(Path("spinnaker.sif"), FakeApptainer(leaves), Account("me", 0, 0, tmp_path), tmp_path)


@pytest.fixture(autouse=True)
def _same_account(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_a_network_that_was_mapped(tmp_path):
    used = mapper(tmp_path, FIT)
    fit = used.fit("net.py", {"net.py": b"print(1)"}, ("--x", "1"))
    assert used.apptainer.command == ("python3", "/inside/fit.py", "/work", "/work/net.py", "--x", "1")  # type: ignore[attr-defined]
    assert fit.run_s == 10.0
    assert (tmp_path / "fit" / "net.py").read_bytes() == b"print(1)"


def test_a_network_that_does_not_fit_is_said_in_spynnakers_words(tmp_path):
    with pytest.raises(UsageError, match="PacmanException: no room"):
        mapper(tmp_path, {"error": "PacmanException: no room"}).fit("net.py", {}, ())


def test_a_script_that_never_runs_is_said(tmp_path):
    with pytest.raises(ToolError, match=r"PYNN_SIMULATOR[\s\S]*NameError: no"):
        mapper(tmp_path, None).fit("net.py", {}, ())


def test_what_an_earlier_script_left_is_not_taken_for_this_ones(tmp_path):
    mapper(tmp_path, FIT).fit("net.py", {}, ())
    with pytest.raises(ToolError):
        mapper(tmp_path, None).fit("net.py", {}, ())
