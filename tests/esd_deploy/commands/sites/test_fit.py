"""What `esd-deploy fit` tells of a mapped network; nothing is mapped here."""

import json

import pytest

from esd_build.data.errors import UsageError
from esd_build.models.fitting import Fit, Mapper
from esd_deploy import cli
from esd_deploy.commands.sites import fit

FIT = Fit(
    cores=30,
    system_cores=49,
    chips=3,
    boards=2,
    sdram=39_800_000,
    busiest_chip_cores=15,
    populations={"excitatory": {"cores": 30, "sdram": 39_800_000}},
    timestep_ms=0.1,
    run_ms=1000.0,
    real_time_factor=10.0,
    mapping_s=2.5,
    machine_chips=48,
    recorded={"excitatory": ["spikes", "v"], "drive": []},
)


@pytest.fixture
def mapped(monkeypatch, tmp_path):
    image = tmp_path / "spinnaker.sif"
    image.write_bytes(b"")
    calls = []

    class FakeMapper(Mapper):
        def __init__(self) -> None:
            pass

        def fit(self, script, files, arguments):
            calls.append((script, sorted(files), tuple(arguments)))
            return FIT

    monkeypatch.setattr(fit, "_mapper", lambda _image: FakeMapper())
    return calls


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        cli.main(["plan", *arguments])
    return end.value.code


def test_rows_say_what_it_takes():
    rows = dict(fit.rows(FIT))
    assert rows["cores"] == "30 (and 49 of the machine's own)"
    assert rows["boards"] == "2 (of 48 chips)"
    assert rows["SDRAM"] == "39.8 MB; 13.3 MB a chip on average, of 134 MB"
    assert rows["real-time factor"] == "10: 1000 ms take 10 s, without loading and reading back"
    assert rows["recorded"] == "excitatory: spikes, v"


def test_the_script_its_inputs_and_arguments_are_mapped(mapped, script, tmp_path, capsys):
    table = tmp_path / "table.txt"
    table.write_text("1")
    assert run(str(script), "--site", "spinnaker", "-i", str(table), "--json", "--", "--neurons", "100") == 0
    assert mapped == [("net.py", ["net.py", "table.txt"], ("--neurons", "100"))]
    assert json.loads(capsys.readouterr().out)["run_s"] == 10.0


@pytest.mark.parametrize(("boards", "code"), [("1", 1), ("2", 0)])
def test_a_network_that_needs_more_boards_than_there_are_fails(mapped, script, boards, code, capsys):
    assert run(str(script), "--site", "spinnaker", "--boards", boards) == code
    assert ("needs 2 boards" in capsys.readouterr().err) == bool(code)


def test_a_site_without_spinnaker_is_said(script, capsys):
    assert run(str(script), "--site", "local") == UsageError.exit_code
    assert "is not a SpiNNaker machine" in capsys.readouterr().err


def test_another_neuromorphic_machine_is_described(script, capsys):
    assert run(str(script), "--site", "brainscales2") == UsageError.exit_code
    assert "(BrainScaleS-2: at most 512 neurons in a network; runs 1,000 times faster than biological time)" in capsys.readouterr().err


def test_without_the_image_it_says_how_to_get_it(script, tmp_path, capsys):
    assert run(str(script), "--site", "spinnaker", "--image", str(tmp_path / "no.sif")) == UsageError.exit_code
    assert "make image IMAGE=spinnaker" in capsys.readouterr().err
