"""The comparison of runs on several machines: its analysis, against figures that were computed otherwise, and its report."""

import json
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("elephant", reason="the comparison's statistics are Elephant's, which is not installed here")

# Elephant 1.2 names an argument that quantities 0.16 has given up, and multiplies sparse matrices as NumPy would rather not.
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity is deprecated", "ignore:the matrix subclass")

FOLDER = Path(__file__).parents[2] / "examples/balanced_network"
RECORDED = json.loads((Path(__file__).parents[1] / "data/side-by-side/trains.json").read_text())
"""Twelve neurons of a run on NEST (5000 neurons, 1 s), spike times in ms."""
FIT = {
    "cores": 30, "chips": 3, "boards": 1, "sdram": 39_800_000, "timestep_ms": 1.0, "real_time_factor": 1.0,
    "recorded": {"inhibitory": ["spikes"], "excitatory": ["spikes"], "drive": []},
}  # fmt: skip


@pytest.fixture
def example(monkeypatch) -> SimpleNamespace:
    """The script's names, found as Python finds them when it runs: beside each other."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "balanced_network", raising=False)
    write = runpy.run_path(str(FOLDER / "balanced_network.py"))["write_spikes"]
    return SimpleNamespace(**runpy.run_path(str(FOLDER / "side_by_side.py")), write=write)


@pytest.fixture
def run(example, tmp_path) -> Path:
    """A run's folder with the recorded trains."""
    for label in ("excitatory", "inhibitory"):
        trains = [np.array(train) for train in RECORDED[label]]
        example.write(tmp_path / f"spikes-{label}.nix", label, trains, RECORDED["duration_ms"])
    return tmp_path


@pytest.mark.parametrize("label", ["excitatory", "inhibitory"])
def test_the_statistics_of_recorded_trains_are_what_their_definitions_say(example, run, label):
    found = example.statistics(example.read(run / f"spikes-{label}.nix"))

    late = [np.array([time for time in train if time >= 200.0]) for train in RECORDED[label]]
    seconds = (RECORDED["duration_ms"] - 200.0) / 1000
    intervals = [np.diff(train) for train in late if len(train) >= 3]
    counted = np.array([np.histogram(train, np.arange(200.0, 1000.1, 5.0))[0].clip(max=1) for train in late])
    pairs = np.corrcoef(counted)[np.triu_indices(len(late), 1)]
    assert found.rates == pytest.approx([len(train) / seconds for train in late])
    assert found.cvs == pytest.approx([each.std() / each.mean() for each in intervals])
    assert found.correlation == pytest.approx(pairs.mean(), abs=0.02)
    assert found.grain_hz == pytest.approx(1 / seconds)


def test_trains_that_fire_together_are_correlated_and_clocks_have_no_variation(example, tmp_path):
    together = [np.arange(205.0, 1000.0, 50.0)] * 3
    example.write(tmp_path / "spikes.nix", "x", together, 1000.0)
    found = example.statistics(example.read(tmp_path / "spikes.nix"))
    assert (found.correlation, found.row[1]) == (pytest.approx(1.0), "0.000")


def test_a_silent_population_has_rates_of_zero_and_nothing_else(example, tmp_path):
    example.write(tmp_path / "spikes.nix", "x", [np.array([100.0]), np.array([])], 1000.0)
    found = example.statistics(example.read(tmp_path / "spikes.nix"))
    assert found.row == ("0.00 ± 0.00", "nan", "nan")
    assert example.bins(found.cvs).tolist() == [0.0, 1.0]


def test_no_bin_of_a_grid_of_rates_can_be_empty_by_itself(example):
    rates = np.arange(7, 37) * 1.25
    counts, _ = np.histogram(rates, example.bins(rates, 1.25))
    assert set(counts) == {2}
    assert len(counts) == 15


def test_the_report_has_a_row_for_each_population_and_says_what_was_only_mapped(example, run, tmp_path, monkeypatch, capsys):
    (tmp_path / "fit.json").write_text(json.dumps(FIT))
    example.main(["--output", str(tmp_path / "report"), f"nest={run}", f"demo={run}", f"spinnaker={tmp_path / 'fit.json'}"])
    report = (tmp_path / "report" / "side-by-side.md").read_text()
    rows = [line.split(" | ")[:2] for line in report.splitlines() if line.startswith(("| nest", "| demo"))]
    assert rows[:4] == [[f"| {name}", label] for name in ("nest", "demo") for label in ("excitatory", "inhibitory")]
    assert "## spinnaker: mapped, not run" in report
    assert "30 cores on 3 chips of 1 board(s), 39.8 MB of SDRAM, steps of 1 ms" in report
    assert "Recorded would be: excitatory: spikes; inhibitory: spikes." in report
    assert "What may differ" in report
    assert "| demo | excitatory | rate (Hz) | 0.000 (1) | 1 |" in report
    assert "First spike that differs, demo (excitatory, first seed): none, all spikes are the same." in report
    assert (tmp_path / "report" / "rasters.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "report" / "side-by-side.png").read_bytes().startswith(b"\x89PNG")


def test_several_seeds_of_one_machine_are_told_apart_from_another_network(example, tmp_path):
    def runs(name, mean_ms):
        for seed in range(6):
            rng = np.random.default_rng([seed, mean_ms])
            trains = [np.sort(rng.uniform(0, 2000.0, rng.poisson(2000 / mean_ms))) for _ in range(30)]
            (tmp_path / f"{name}{seed}").mkdir()
            example.write(tmp_path / f"{name}{seed}" / "spikes-excitatory.nix", "x", trains, 2000.0)
        return f"{name}=" + ",".join(str(tmp_path / f"{name}{seed}") for seed in range(6))

    example.main(["--output", str(tmp_path), runs("a", 50), runs("b", 51), runs("c", 100)])
    rows = [line.split(" | ") for line in (tmp_path / "side-by-side.md").read_text().splitlines() if "rate (Hz) |" in line]
    told = {row[0].strip("| "): row[-1].strip(" |") for row in rows if row[0] in {"| b", "| c"}}
    assert told["b"] in {"within seeds' noise", "differs"}
    assert told["c"] == "differs"


def test_a_run_that_is_not_there_is_named(example, tmp_path, capsys):
    with pytest.raises(SystemExit):
        example.main([f"nest={tmp_path / 'nowhere'}"])
    assert f"not there: {tmp_path / 'nowhere'}; each is NAME=FOLDER" in capsys.readouterr().err
