"""When two traces of a neuron agree. Verdicts only; nothing is simulated here."""

from pathlib import Path

import pytest

from esd_build.data import documents
from esd_build.models.portability import (
    Cases,
    Row,
    Trace,
    agreement,
    nest_request,
    nest_traces,
    pulses,
    same_weights,
    schedule,
    spinnaker_trace,
)
from esd_build.models.report import ModelReport
from esd_build.models.traces import NestTraces, SpinnakerTrace

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def cases() -> Cases:
    return documents.load(MODELS / "portability.yaml", Cases, folder=MODELS)


def trace(*potentials: float, spikes: tuple[int, ...] = (2,)) -> Trace:
    return Trace(dict(enumerate(potentials, start=1)), spikes)


def test_every_model_that_is_compared_is_there(cases):
    files = [file for case in cases.models.values() for file in (case.file, case.plasticity and case.plasticity.file) if file]
    assert [file for file in files if not (MODELS / file).is_file()] == []


def test_inputs_come_at_fixed_times_whatever_the_step(cases):
    coarse, fine = schedule(cases, cases.models["lif_exp"]), schedule(cases, cases.models["aeif_exp, NEST's own"])
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
    found = SpinnakerTrace.model_validate({"series": {"V_m": [-70.0, -69.0, -55.0]}, "spikes": [1]})
    part = {"steps": [1, 2], "V_m": [-69.0, -55.0], "spikes": [2]}
    model, _ = nest_traces(NestTraces.model_validate({"model": part, "reference": part}))
    assert agreement(spinnaker_trace(found), model, 1e-9, 0)[0] == "passed"


def learnt(*weights: float) -> Trace:
    return Trace({1: -70.0}, (), weights)


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (learnt(50.0, 44.0, 48.0), learnt(50.0, 44.0, 48.0 + 1e-10), "passed"),
        (learnt(50.0, 44.0, 48.0), learnt(50.0, 44.0, 48.1), "failed"),
        (learnt(50.0, 44.0), learnt(50.0, 44.0, 48.0), "failed"),
        (learnt(50.0, 50.0), learnt(50.0, 50.0), "failed"),  # nothing was learnt, so nothing was shown
        (learnt(), learnt(), "failed"),
    ],
)
def test_synapses_agree_where_they_learnt_the_same(one, other, verdict):
    assert same_weights(one, other, 1e-9)[0] == verdict


def report(synapse: str | None = None) -> ModelReport:
    return ModelReport(
        model="lif_exp", synapse=synapse, target="nest", module="a_module", nestml="9.0.0", image="nest.sif", image_sha256="a" * 64,
        key="0" * 16, sources=("lif_exp.nestml",), steps=(), messages=(),
    )  # fmt: skip


def test_a_plastic_synapse_is_asked_for_by_nestmls_name_of_the_pair(cases):
    asked = nest_request(cases, cases.models["lif_exp with stdp_synapse"], report("stdp_synapse"))
    assert asked.model.name == "lif_exp__with_stdp_synapse"
    assert asked.model.synapse.name == "stdp_synapse__with_lif_exp"
    assert asked.reference.synapse.name == "stdp_synapse"
    assert asked.model.synapse.times_ms == asked.reference.synapse.times_ms
    assert (asked.model.synapse.times_ms[0], asked.model.synapse.times_ms[-1]) == (4.0, 193.0)


@pytest.mark.parametrize(
    ("first", "every", "duration", "count", "last"),
    [
        (4.0, 9.0, 200.0, 22, 193.0),
        (4.0, 9.0, 195.0, 22, 193.0),  # 21.2 intervals, and a pulse at the beginning of each
        (4.0, 9.0, 193.0, 21, 184.0),  # at the end itself nothing comes
        (0.0, 4.35, 435.0, 100, 430.65),  # 4.35 * 100 is a bit less than 435 in floating point
        (200.0, 9.0, 200.0, 0, None),
        (300.0, 9.0, 200.0, 0, None),
    ],
)
def test_every_pulse_before_the_end_is_given(first, every, duration, count, last):
    times = pulses(first, every, duration)

    assert (len(times), times[-1] if times else None) == (count, last)


def test_a_neuron_without_a_synapse_has_its_own_name(cases):
    asked = nest_request(cases, cases.models["lif_exp"], report())
    assert (asked.model.name, asked.model.synapse) == ("lif_exp", None)


def test_a_row_fails_with_any_stage():
    assert Row("a", "nest", {"generated": "passed", "agreed": "failed"}, "").failed
    assert not Row("a", "spinnaker", {"generated": "passed", "linked": "skipped"}, "").failed
