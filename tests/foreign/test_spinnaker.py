"""sPyNNaker and SpiNNMan from PyPI, unmodified, against the emulated board.

python3 -m venv FOLDER && FOLDER/bin/pip install 'sPyNNaker==1!7.4.1' && FOLDER/bin/python -m spynnaker.pyNN.setup_pynn
.venv/bin/pytest tests/foreign/test_spinnaker.py -m long --spynnaker FOLDER
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.long, pytest.mark.integration]

TRANSCEIVER = """\
import json, sys
from spinnman.config_setup import unittest_setup
from spinn_utilities.config_holder import set_config
unittest_setup()
set_config("Machine", "version", sys.argv[2])
from spinnman.transceiver import create_transceiver_from_hostname
board = create_transceiver_from_hostname(sys.argv[1])
machine = board.get_machine_details()
data = bytes(range(256)) * 20
place = board.malloc_sdram(1, 1, len(data), 30)
board.write_memory(1, 1, place, data)
print(json.dumps({
    "version": str(board._get_scamp_version()),
    "chips": machine.n_chips,
    "cores": machine.total_available_user_cores,
    "links": sum(len(list(chip.router.links)) for chip in machine.chips),
    "same": bytes(board.read_memory(1, 1, place, len(data))) == data,
}))
board.close()
"""

NETWORK = """\
import json, sys
import numpy
import pyNN.spiNNaker as sim
sim.setup(timestep=1.0)
driven = sim.Population(1, sim.IF_curr_exp(i_offset=1.0), label="driven")
cells = sim.Population(5, sim.IF_curr_exp(), label="cells")
given = sim.Population(5, sim.SpikeSourceArray(spike_times=[5.0, 10.0, 11.0, 12.0, 40.0, 41.0, 42.0, 43.0]), label="given")
noise = sim.Population(20, sim.SpikeSourcePoisson(rate=50.0), label="noise", additional_parameters={"seed": 1234})
sim.Projection(given, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=5.0, delay=2.0))
sim.Projection(noise, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.5, delay=1.0))
for one in (driven, cells):
    one.record(["spikes", "v"])
for one in (given, noise):
    one.record("spikes")
sim.run(float(sys.argv[1]))
def spikes(one):
    return [[float(t) for t in train] for train in one.get_data("spikes").segments[0].spiketrains]
told = {one.label: spikes(one) for one in (driven, cells, given, noise)}
told["v"] = numpy.asarray(cells.get_data("v").segments[0].analogsignals[0].magnitude)[:, 0].tolist()
sim.end()
print(json.dumps(told))
"""

ONE_NEURON = """\
import json
import numpy
import pyNN.spiNNaker as sim
sim.setup(timestep=1.0)
driven = sim.Population(1, sim.IF_curr_exp(i_offset=1.0))
cells = sim.Population(1, sim.IF_curr_exp())
given = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0, 10.0, 11.0, 12.0, 40.0, 41.0, 42.0, 43.0]))
sim.Projection(given, cells, sim.OneToOneConnector(), sim.StaticSynapse(weight=5.0, delay=2.0))
for one in (driven, cells):
    one.record(["spikes", "v"])
sim.run(300.0)
told = {}
for name, one in (("driven", driven), ("cells", cells)):
    segment = one.get_data().segments[0]
    told[name] = [float(t) for t in segment.spiketrains[0]]
    told[f"v_{name}"] = numpy.asarray(segment.analogsignals[0].magnitude)[:60, 0].tolist()
sim.end()
print(json.dumps(told))
"""
NEST = Path(__file__).parents[1] / "data" / "spinnaker" / "one-neuron-on-nest.json"
TICK_MS, FIXED_POINT_MV = 1.0, 0.02

CONFIGURATION = """\
[Machine]
machine_name = {ip}
version = 3
post_simulation_overrun_before_error = 600000
[Reports]
read_router_provenance_data = True
read_graph_provenance_data = True
read_placements_provenance_data = True
read_provenance_data_on_end = True
"""


class Bench:
    """An emulated board, and a folder in which sPyNNaker's Python runs."""

    def __init__(self, python: Path, folder: Path, *options: str) -> None:
        self.python, self.folder, self.report = python, folder, folder / "board.json"
        ready = folder / "ready"
        argv = (sys.executable, "-m", "esd_localsite.spinnaker", "--ready", str(ready), "--report", str(self.report), *options)
        self.log = (folder / "board.log").open("w")
        self.board = subprocess.Popen(argv, stderr=self.log)
        while not (ready.exists() and ready.read_text()):
            assert self.board.poll() is None, (folder / "board.log").read_text()
            time.sleep(0.05)
        self.ip = ready.read_text()
        (folder / ".spynnaker.cfg").write_text(CONFIGURATION.format(ip=self.ip))

    def run(self, text: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = self.folder / "program.py"
        program.write_text(text)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"HOME": str(self.folder)}
        argv = (self.python, program, *words)
        return subprocess.run(argv, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=600)

    def end(self) -> dict[str, Any]:
        self.board.send_signal(signal.SIGTERM)
        assert self.board.wait(20) == 0
        told: dict[str, Any] = json.loads(self.report.read_text())
        return told


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    folder: Path | None = request.config.getoption("--spynnaker")
    if folder is None:
        pytest.skip("give --spynnaker FOLDER")
    benches: list[Bench] = []

    def make(*options: str) -> Bench:
        benches.append(Bench(folder.absolute() / "bin" / "python", tmp_path, *options))
        return benches[-1]

    yield make
    for one in benches:
        one.board.kill()
        one.board.wait()
        one.log.close()


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize(("version", "chips", "links"), [("3", 4, 16), ("5", 48, 240)])
def test_spinnman_boots_it_and_reads_the_machine(bench, version, chips, links):
    one = bench("--board", version)
    told = last_line(one.run(TRANSCEIVER, one.ip, version))
    assert told["version"].startswith("[Version: SC&MP 4.0.0 at SpiNNaker:0:0:0")
    assert (told["chips"], told["cores"], told["links"], told["same"]) == (chips, 17 * chips, links, True)
    assert one.end()["reports"] == {}


def test_a_lost_datagram_does_no_harm(bench):
    one = bench("--lose", "20,21,40")
    assert last_line(one.run(TRANSCEIVER, one.ip, "3"))["same"]


def test_a_network_runs_and_its_spikes_and_provenance_come_back(bench):
    one = bench()
    done = one.run(NETWORK, "100")
    told = last_line(done)
    assert told["driven"] == [[27.0, 56.0, 85.0]]
    assert told["given"] == [[5.0, 10.0, 11.0, 12.0, 40.0, 41.0, 42.0, 43.0]] * 5
    assert told["cells"] == [told["cells"][0]] * 5, "five cells with the same input"
    assert 50 < sum(len(train) for train in told["noise"]) < 150, "20 sources of 50 Hz in 0.1 s: 100 on average"
    assert "WARNING" not in done.stdout + done.stderr
    story = one.end()
    assert story["reports"] == {}
    (database,) = one.folder.glob("reports/*/global_provenance.sqlite3")
    with sqlite3.connect(database) as provenance:
        assert provenance.execute("select count(*) from p_log_provenance where level >= 30").fetchone() == (0,)


def test_one_neuron_is_nests_tick_by_tick(bench):
    """sPyNNaker names a spike after the tick in which it falls, NEST after the tick's end; S16.15 rounds voltages."""
    one = bench()
    told, nest = last_line(one.run(ONE_NEURON)), json.loads(NEST.read_text())
    for name in ("driven", "cells"):
        assert told[name] == [time_ms - TICK_MS for time_ms in nest[name]]
        assert told[f"v_{name}"] == pytest.approx(nest[f"v_{name}"], abs=FIXED_POINT_MV)


def test_two_runs_give_the_same_spikes(bench):
    one = bench()
    assert last_line(one.run(NETWORK, "50")) == last_line(one.run(NETWORK, "50"))


def test_a_reset_in_mid_run_ends_the_run_with_an_error(bench):
    one = bench()
    pulled = threading.Timer(25, lambda: one.board.send_signal(signal.SIGHUP))
    pulled.start()
    done = one.run(NETWORK, "5000")
    pulled.cancel()
    assert done.returncode != 0
    assert "Spinnman" in done.stderr or "SpiNNMan" in done.stderr
