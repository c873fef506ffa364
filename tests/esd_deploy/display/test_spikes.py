"""The figure of what a run recorded, from real files of Neo and in the form of NEST's recording backend `ascii`."""

import subprocess
import sys

import neo
import numpy as np
import pytest

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.display import spikes

PNG = bytes.fromhex("89504e470d0a1a0a")
HEAD = "# NEST version: 3.10.0\n# RecordingBackendASCII version: 2\nsender\ttime_ms\n"


@pytest.fixture
def folder(tmp_path):
    segment = neo.Segment()
    segment.spiketrains.extend([neo.SpikeTrain(train, units="ms", t_start=0.0, t_stop=200.0) for train in ([10.0, 110.0], [], [12.0])])
    block = neo.Block()
    block.segments.append(segment)
    with neo.NixIO(str(tmp_path / "spikes-excitatory.nix"), mode="ow") as file:
        file.write_block(block)
    (tmp_path / "recorder-101-0.dat").write_text(HEAD + "3\t1.5\n7\t2.5\n")
    (tmp_path / "recorder-101-1.dat").write_text(HEAD + "3\t9.0\n")
    (tmp_path / "voltmeter-9-0.dat").write_text("# NEST version: 3.10.0\nsender\ttime_ms\tV_m\n1\t1.0\t-70.0\n")
    return tmp_path


FILES = ("recorder-101-0.dat", "recorder-101-1.dat", "spikes-excitatory.nix", "stdout", "voltmeter-9-0.dat")


def test_populations_of_neo_and_of_nest_are_read(folder):
    excitatory, recorder = spikes.read(folder, FILES)

    assert (excitatory.label, excitatory.neurons, excitatory.stop_ms, excitatory.silent_known) == ("excitatory", 3, 200.0, True)
    assert list(zip(excitatory.rows, excitatory.times_ms, strict=True)) == [(0, 10.0), (0, 110.0), (2, 12.0)]
    assert (recorder.label, recorder.neurons, recorder.told) == ("recorder-101", 2, "recorder-101 (2 neurons that fired)")
    assert sorted(zip(recorder.rows, recorder.times_ms, strict=True)) == [(0, 1.5), (0, 9.0), (1, 2.5)]


def test_the_rate_is_that_of_a_neuron_silent_ones_included(folder):
    rates = spikes.read(folder, ["spikes-excitatory.nix"])[0].rate_hz(np.array([0.0, 100.0, 200.0]))

    assert rates == pytest.approx([2 / 3 / 0.1, 1 / 3 / 0.1])


def test_the_figure_shows_each_spike_and_is_a_picture_in_a_notebook(folder):
    figure = spikes.draw(spikes.read(folder, FILES), "net.py at home", bin_ms=10.0)
    above, below = figure.axes

    assert [len(line.get_xdata()) for line in above.lines] == [3, 3]
    assert (above.get_title(), below.get_xlabel(), below.get_ylabel()) == ("net.py at home", "time (ms)", "rate (1/s, 10 ms bins)")
    assert figure._repr_png_()[:8] == PNG


def test_only_the_first_neurons_are_drawn_and_the_rate_is_of_all(tmp_path):
    (tmp_path / "many-1-0.dat").write_text(HEAD + "".join(f"{sender}\t{5.0}\n" for sender in range(300)))

    [population] = spikes.read(tmp_path, ["many-1-0.dat"])
    figure = spikes.draw([population], "")

    assert len(figure.axes[0].lines[0].get_xdata()) == 100
    assert population.rate_hz(np.array([0.0, 10.0])) == pytest.approx([100.0])


def test_a_run_without_a_spike_is_drawn(tmp_path):
    (tmp_path / "quiet-1-0.dat").write_text(HEAD)

    assert spikes.draw(spikes.read(tmp_path, ["quiet-1-0.dat"]), "")._repr_png_()[:8] == PNG


@pytest.mark.parametrize("files", [[], ["stdout"], ["voltmeter-9-0.dat"], ["gone.nix"]])
def test_without_spikes_it_says_what_is_read(folder, files):
    with pytest.raises(UsageError, match=r"neither Neo's \.nix files nor the \.dat files"):
        spikes.read(folder, files)


@pytest.mark.parametrize(
    ("name", "content"), [("a.nix", b"no HDF5"), ("a-1-0.dat", HEAD.encode() + b"3\tsoon\n"), ("b.dat", HEAD.encode() + b"3\n")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ToolError, match=name):
        spikes.read(tmp_path, [name])


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x-1-0.dat"
    elsewhere.write_text(HEAD + "1\t1.0\n")
    (folder / "x-1-0.dat").symlink_to(elsewhere)

    with pytest.raises(ToolError, match="link"):
        spikes.read(folder, ["x-1-0.dat"])


def test_too_much_for_one_figure_is_refused(folder, monkeypatch):
    monkeypatch.setattr(spikes, "_MOST_BYTES", 100)

    with pytest.raises(UsageError, match=r"too many for one figure; `plot\(files\)`"):
        spikes.read(folder, FILES)


@pytest.mark.integration
def test_matplotlib_is_imported_for_a_figure_only():
    code = "import sys; import esd_deploy; from esd_deploy import Site; sys.exit('matplotlib' in sys.modules)"

    assert subprocess.run((sys.executable, "-c", code), check=False).returncode == 0
