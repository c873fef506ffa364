"""When two traces of a neuron agree. Verdicts only; nothing is simulated here."""

from pathlib import Path

import pytest

from esd_build import documents
from esd_build.portability import Cases, Row, Trace, agreement, nest_traces, schedule, spinnaker_trace

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def cases() -> Cases:
    return documents.load(MODELS / "portability.yaml", Cases, folder=MODELS)


def trace(*potentials: float, spikes: tuple[int, ...] = (2,)) -> Trace:
    return Trace(dict(enumerate(potentials, start=1)), spikes)


def test_every_model_that_is_compared_is_there(cases):
    assert [case.file for case in cases.models.values() if not (MODELS / case.file).is_file()] == []


def test_inputs_come_at_fixed_times_whatever_the_step(cases):
    coarse, fine = schedule(cases, cases.models["lif_exp"]), schedule(cases, cases.models["aeif_exp"])
    assert [step for step, row in enumerate(coarse) if row[0]][:3] == [10, 17, 24]
    assert [step for step, row in enumerate(coarse) if row[1]][:2] == [15, 38]
    assert [step for step, row in enumerate(fine) if row[0]][:2] == [1000, 1700]
    assert not any(coarse[0])


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (trace(-70.0, -69.0, -68.0), "passed"),
        (trace(-70.0, -69.01, -68.0), "passed"),
        (trace(-70.0, -69.5, -68.0), "failed"),
        (trace(-70.0, -69.0, -68.0, spikes=(3,)), "failed"),
        (trace(-70.0, -69.0, -68.0, spikes=()), "failed"),
    ],
)
def test_agreement_needs_the_potentials_and_the_spikes(other, verdict):
    assert agreement(trace(-70.0, -69.0, -68.0), other, 0.05, 0)[0] == verdict


def test_a_silent_neuron_shows_nothing():
    silent = trace(-70.0, -69.0, spikes=())
    assert agreement(silent, silent, 0.05, 0)[0] == "failed"


def test_a_spike_after_the_shorter_trace_is_left_out():
    long = Trace({1: -70.0, 2: -69.0, 3: -68.0, 4: -67.0}, (2, 4))
    assert agreement(trace(-70.0, -69.0, -68.0), long, 0.05, 0)[0] == "passed"


def test_a_spike_one_step_late_may_be_allowed():
    assert agreement(trace(-70.0, -69.0, spikes=(40,)), trace(-70.0, -69.0, spikes=(41,)), 0.05, 1)[0] == "failed"  # after the end
    one, other = (Trace(dict.fromkeys(range(50), -70.0), (spike,)) for spike in (40, 41))
    assert agreement(one, other, 0.05, 1)[0] == "passed"
    assert agreement(one, other, 0.05, 0)[0] == "failed"


def test_both_simulators_count_steps_alike():
    found = {"series": {"V_m": [-70.0, -69.0, -55.0]}, "spikes": [1]}
    part = {"steps": [1, 2], "V_m": [-69.0, -55.0], "spikes": [2]}
    model, _ = nest_traces({"model": part, "reference": part})
    assert agreement(spinnaker_trace(found), model, 1e-9, 0)[0] == "passed"


def test_a_row_fails_with_any_stage():
    assert Row("a", "nest", {"generated": "passed", "agreed": "failed"}, "").failed
    assert not Row("a", "spinnaker", {"generated": "passed", "linked": "skipped"}, "").failed
