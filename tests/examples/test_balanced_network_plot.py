"""The plot reads what the script writes."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "examples/balanced_network"


@pytest.fixture
def example(monkeypatch):
    """The two scripts' names, found as Python finds them when it runs one: beside it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "balanced_network", raising=False)
    return runpy.run_path(str(FOLDER / "plot.py")), runpy.run_path(str(FOLDER / "balanced_network.py"))


@pytest.fixture
def folder(example, tmp_path):
    _, script = example
    script["write_spikes"](tmp_path / "spikes-excitatory.nix", "excitatory", [np.array([100.0, 250.5]), np.array([])], 400.0)
    script["write_spikes"](tmp_path / "spikes-inhibitory.nix", "inhibitory", [np.arange(205.0, 400.0, 10.0)], 400.0)
    return tmp_path


def test_spikes_come_back_as_written(example, folder):
    spikes = example[0]["read"](folder, "excitatory")
    assert spikes.stop_ms == 400.0
    assert [train.tolist() for train in spikes.trains] == [[100.0, 250.5], []]


def test_writing_twice_replaces(example, folder):
    plot, script = example
    script["write_spikes"](folder / "spikes-excitatory.nix", "excitatory", [np.array([1.0])], 400.0)
    assert [train.tolist() for train in plot["read"](folder, "excitatory").trains] == [[1.0]]


def test_population_rate_is_per_neuron(example, folder):
    rates = example[0]["read"](folder, "excitatory").rate_hz(np.array([0.0, 200.0, 400.0]))
    assert rates.tolist() == [2.5, 2.5]


def test_the_figure_names_its_units_and_the_cv(example, folder):
    plot, _ = example
    figure = plot["draw"]([plot["read"](folder, label) for label in ("excitatory", "inhibitory")])
    above, below = figure.axes
    assert (below.get_xlabel(), below.get_ylabel(), above.get_ylabel()) == ("time (ms)", "rate (Hz, 5 ms bins)", "neuron")
    assert figure.get_suptitle().endswith("excitatory nan, inhibitory 0.00")


def test_the_picture_is_written_beside_the_spikes(example, folder, capsys):
    example[0]["main"]([str(folder)])
    assert (folder / "raster.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"{folder / 'raster.png'}\n"


def test_a_missing_file_is_named(example, tmp_path):
    with pytest.raises(SystemExit, match=r"spikes-excitatory\.nix is not there: give the folder"):
        example[0]["main"]([str(tmp_path)])
