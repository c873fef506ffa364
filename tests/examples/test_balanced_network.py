"""The case study without a simulator: parameters, statistics, command line; and the calls it makes on PyNN's common interface."""

import importlib.util
import json
import math
import sys
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "examples/balanced_network/balanced_network.py"
SPEC = importlib.util.spec_from_file_location("balanced_network", SCRIPT)
bn = importlib.util.module_from_spec(SPEC)
sys.modules["balanced_network"] = bn  # dataclasses look their module up
SPEC.loader.exec_module(bn)

P = bn.Parameters()


def test_importing_the_script_needs_no_simulator():
    assert not {"pyNN", "nest"} & set(sys.modules)


def test_parameters_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        P.inhibition = 4.0


@pytest.mark.parametrize(("neurons", "excitatory", "inhibitory"), [(100, 80, 20), (5000, 4000, 1000), (12500, 10000, 2500)])
def test_four_of_five_neurons_are_excitatory(neurons, excitatory, inhibitory):
    net = bn.network(P, neurons, 0.1)
    assert (net.excitatory, net.inhibitory) == (excitatory, inhibitory)


def test_at_brunels_size_the_charge_of_one_spike_makes_the_jump_j():
    net = bn.network(P, 12500, 0.1)
    jump_mv = net.weight_excitatory_na.mean * P.tau_syn_ms / P.cm_nf
    assert jump_mv == pytest.approx(P.psp_mv)


def test_a_tenth_of_the_neurons_reach_each_neuron():
    net = bn.network(P, 5000, 0.1)
    assert (net.inputs_excitatory, net.inputs_inhibitory, net.synapses) == (400, 100, 2_500_000)


def test_the_drive_is_eta_times_threshold():
    net = bn.network(P, 5000, 0.1)
    jump_mv = net.weight_excitatory_na.mean * P.tau_syn_ms / P.cm_nf
    assert net.drive_hz / 1000 * jump_mv * P.tau_m_ms == pytest.approx(P.drive * P.v_thresh_mv)


def test_mean_input_does_not_depend_on_size():
    small, large = (bn.network(P, n, 0.1) for n in (1000, 10000))
    assert small.weight_excitatory_na.mean * 1000 == pytest.approx(large.weight_excitatory_na.mean * 10000)


def test_inhibition_dominates_and_no_weight_changes_its_sign():
    net = bn.network(P, 5000, 0.1)
    e, i = net.weight_excitatory_na, net.weight_inhibitory_na
    assert i.mean == pytest.approx(-P.inhibition * e.mean)
    assert P.inhibition > P.excitatory_fraction / (1 - P.excitatory_fraction)
    assert 0 == e.low < e.mean < e.high
    assert i.low < i.mean < i.high == 0
    assert e.deviation > 0 < i.deviation


@pytest.mark.parametrize("timestep_ms", [0.1, 0.5, 1.0])
def test_delays_reach_the_next_time_step(timestep_ms):
    delays = bn.network(P, 5000, timestep_ms).delay_ms
    assert timestep_ms <= delays.low < delays.mean < delays.high


def test_rate_counts_silent_neurons_and_drops_the_transient():
    trains = [np.array([10.0, 300.0, 400.0]), np.array([])]
    assert bn.mean_rate_hz(trains, 200.0, 1200.0) == pytest.approx(1.0)


def test_rate_of_nobody_is_not_a_number():
    assert math.isnan(bn.mean_rate_hz([], 0.0, 1000.0))


def test_cv_of_a_clock_is_zero():
    assert bn.mean_cv_isi([np.arange(0.0, 1000.0, 10.0)], 0.0, 5) == pytest.approx(0.0, abs=1e-9)


def test_cv_of_a_poisson_process_is_one():
    rng = np.random.default_rng(1)
    trains = [np.cumsum(rng.exponential(10.0, 2000)) for _ in range(20)]
    assert bn.mean_cv_isi(trains, 0.0, 5) == pytest.approx(1.0, abs=0.02)


def test_cv_leaves_out_early_spikes_and_neurons_with_too_few():
    clock = np.arange(200.0, 1000.0, 10.0)
    assert bn.mean_cv_isi([np.append([1.0, 150.0], clock), np.array([300.0, 301.0, 900.0])], 200.0, 5) == pytest.approx(0.0, abs=1e-9)
    assert math.isnan(bn.mean_cv_isi([np.array([300.0, 301.0])], 200.0, 5))


def test_metrics_have_the_agreed_keys_and_no_nan():
    metrics = bn.Metrics(5000, 2_500_000, 1.5, 5.0, 1000.0, 18.0, math.nan, 0.9, 0.9, 2, 1)
    text = json.loads(metrics.as_json())
    assert list(text) == [
        *("neurons", "synapses", "build_time_s", "simulation_time_s", "simulated_ms", "rate_excitatory_hz", "rate_inhibitory_hz"),
        *("cv_isi_excitatory", "cv_isi_inhibitory", "ranks", "threads"),
    ]
    assert text == asdict(metrics) | {"rate_inhibitory_hz": None}


def test_threads_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert bn.options([]).threads == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert bn.options([]).threads == 1
    assert bn.options(["--threads", "2"]).threads == 2


@pytest.mark.parametrize(("given", "record"), [("all", None), ("7", 7)])
def test_record(given, record):
    assert bn.options(["--record", given]).record == record


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--neurons", "5001"], "--neurons 5001: give a multiple of 5 from 100 on"),
        (["--neurons", "0"], "--neurons 0: give a multiple of 5 from 100 on"),
        (["--duration", "200"], "--duration 200: give more than the transient, 200 ms"),
        (["--duration", "nan"], "--duration nan: give more than the transient, 200 ms"),
        (["--seed", "0"], "--seed 0: give a number from 1 to 2^32 - 2"),
        (["--threads", "0"], "--threads 0: give 1 or more"),
        (["--record", "-1"], "--record -1: give a number from 1 on, or all"),
        (["--record", "some"], "--record some: give a number from 1 on, or all"),
        (["--simulator", "brian"], "invalid choice: 'brian'"),
    ],
)
def test_a_wrong_argument_ends_with_one_message(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        bn.options(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count(message) == 1


def test_a_missing_simulator_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyNN", None)
    with pytest.raises(SystemExit, match=r"cannot import pyNN\.nest .*install PyNN"):
        bn.main(["--simulator", "nest"])


@pytest.fixture
def spinnaker(monkeypatch):
    """A stand-in for pyNN.spiNNaker: the common interface records what it is asked for."""
    sim = MagicMock()
    monkeypatch.setattr(bn.importlib, "import_module", lambda name: {"pyNN.spiNNaker": sim}[name])
    return sim


def test_spinnaker_gets_the_whole_network_in_pynns_own_words(spinnaker):
    o = bn.options(["--simulator", "spinnaker", "--neurons", "1000", "--record", "50"])
    net = bn.network(P, o.neurons, bn.BACKENDS["spinnaker"].timestep_ms)
    backend = bn.Backend(o, net.delay_ms)
    spinnaker.Population.side_effect = lambda size, *_, **__: MagicMock(size=size)
    populations = bn.build(backend, net, P, o.record)
    spinnaker.setup.assert_called_once_with(timestep=1.0, min_delay=1.0)
    assert [p.size for p in populations] == [800, 200]
    assert [call.args[0] for call in spinnaker.FixedNumberPreConnector.call_args_list] == [80, 80, 20, 20]
    for cells in populations:
        cells.__getitem__.assert_called_once_with(slice(None, 50))
    receptors = [call.kwargs.get("receptor_type") for call in spinnaker.Projection.call_args_list]
    assert receptors == ["excitatory", "excitatory", "inhibitory", "inhibitory", None, None]  # the drive needs none
    spinnaker.SpikeSourcePoisson.assert_called_with(rate=net.drive_hz)
