"""What the probes of two stacks say beside each other: the same, another realisation, another model; by how much, and why."""

import importlib.resources
from typing import Any

import pytest
from ruamel.yaml import YAML

from esd_deploy.studies import probes
from esd_deploy.studies.drift import Stack, judge
from esd_deploy.studies.figures import figures
from esd_deploy.studies.page import page
from esd_deploy.studies.probes import Finding, Interval
from esd_deploy.studies.study import Study

ASKED = YAML(typ="safe").load((importlib.resources.files("esd_deploy") / "studies" / "probes.yaml").read_text())
LOST = 143202461


def study() -> dict[str, Any]:
    """What NEST 3.8 may have answered."""
    kernel = {"rng_seed": 7, "local_num_threads": 2, "resolution": 0.1}
    statistics = [{"rate": 20.0 + seed / 10, "cv": 0.8 + seed / 100} for seed in range(10)]
    order = {"hashes": ["aa", "bb"], "spikes": [6000, 6100]}
    neuron = {"hash": "cc", "potential": [-70.0, -69.0], "spikes": 3}
    return {
        "kernel": {"threads first": dict(kernel), "seed first": dict(kernel)},
        "networks": {"STDP": {"threads first": dict(order), "seed first": dict(order), "statistics": statistics}},
        "neurons": {"iaf_psc_exp": dict(neuron), "iaf_psc_alpha_ps": dict(neuron)},
        "numerics": {"sum": "11", "default_rng normal": "22"},
        "nestml": dict(neuron),
        "pynn": {"hash": "dd", "spikes": 500},
    }


@pytest.fixture
def other() -> dict[str, Any]:
    return study()


def stack(image: str, nest: str, answered: dict[str, Any]) -> Stack:
    return Stack("here", "container", image, versions={"NEST": nest, "numpy": "1.24.2"}, study=Study.model_validate(answered))


def found(other: dict[str, Any], nest: str = "3.4") -> dict[str, Finding]:
    stacks = (stack("nest:25.02", "3.8", study()), stack("nest:23.02", nest, other))
    return {one.probe: one for one in probes.findings(stacks)}


def test_equal_answers_are_the_same(other: dict[str, Any]) -> None:
    assert {one.verdict for one in found(other).values()} == {"same"}


def test_a_lost_seed_is_another_realisation_and_named_as_the_cause(other: dict[str, Any]) -> None:
    other["kernel"]["seed first"]["rng_seed"] = LOST
    other["networks"]["STDP"]["seed first"] = {"hashes": ["ee", "ee"], "spikes": [6050, 6050]}
    judged = found(other)

    assert judged["network STDP, threads first"].verdict == "same"
    assert judged["network STDP, seed first"].verdict == "other realisation"
    assert judged["network STDP, seed first"].difference.startswith("6000 and 6050 spikes; rate 20.4 ± 0.2 and 20.4 ± 0.2")
    assert judged["network STDP, seed first"].cause == (
        f"NEST 3.4 loses a seed that is set before the number of threads: asked 7, read back {LOST}; every seed gives this one realisation"
    )
    assert judged["kernel, seed first"].difference == f"rng_seed 7 and {LOST}"


def test_statistics_beyond_what_seeds_explain_are_another_model(other: dict[str, Any]) -> None:
    other["networks"]["STDP"]["threads first"]["hashes"] = ["ff", "gg"]
    other["networks"]["STDP"]["statistics"] = [{**row, "rate": row["rate"] + 1} for row in study()["networks"]["STDP"]["statistics"]]
    judged = found(other)["network STDP, threads first"]

    assert judged.verdict == "other model"
    assert judged.cause == "the kernels are set up alike: NEST itself computes otherwise"


def test_a_neuron_says_how_far_its_potential_is_apart(other: dict[str, Any]) -> None:
    other["neurons"]["iaf_psc_alpha_ps"] = {"hash": "x", "potential": [-70.0, -69.5], "spikes": 2}
    other["neurons"]["new_model"] = {"hash": "y", "potential": [], "spikes": 0}
    judged = found(other)

    assert judged["neuron models"].difference == "1 of 2 the same to the last bit"
    assert judged["neuron iaf_psc_alpha_ps"].difference == "potential at most 0.5 mV apart; 3 and 2 spikes"
    assert judged["neuron models of one only"].difference == "new_model"


def test_other_numbers_of_numpy_name_its_versions(other: dict[str, Any]) -> None:
    other["numerics"]["sum"] = "12"
    judged = found(other)["NumPy: sum"]
    assert (judged.verdict, judged.cause) == ("other numbers", "NumPy 1.24.2 and 1.24.2")


@pytest.mark.parametrize("key", ["nestml", "pynn"])
def test_what_a_stack_cannot_answer_is_unknown_with_its_reason(other: dict[str, Any], key: str) -> None:
    other[key] = {"reason": "ImportError: no NESTML"}
    assert "ImportError: no NESTML" in {one.difference for one in found(other).values() if one.verdict == "unknown"}


def test_whole_parts_that_could_not_be_asked_are_no_agreement(other: dict[str, Any]) -> None:
    for part in ("neurons", "numerics"):
        other[part] = {"reason": "ImportError: no NEST"}
    other["kernel"] = {order: {"reason": "ImportError: no NEST"} for order in other["kernel"]}
    other["networks"] = {"STDP": {"reason": "ImportError: no NEST"}}
    verdicts = {one.probe: one.verdict for one in found(other).values()}

    assert verdicts["network STDP, seed first"] == "unknown"
    assert verdicts["kernel, seed first"] == "unknown"
    assert verdicts["neuron models"] == "unknown"
    assert verdicts["NumPy"] == "unknown"


def test_one_stack_alone_has_nothing_beside_it(other: dict[str, Any]) -> None:
    assert probes.findings((stack("nest:edge", "3.10.0", other), Stack("there", "container", problem="down"))) == ()


def test_intervals_of_equal_values_overlap_only_if_equal() -> None:
    assert Interval.of([1.0, 1.0]).overlaps(Interval.of([1.0, 1.0]))
    assert not Interval.of([1.0, 1.0]).overlaps(Interval.of([2.0, 2.0]))
    with pytest.raises(ValueError, match="two values"):
        Interval.of([1.0])


def test_the_questions_are_seven_networks_with_ten_seeds() -> None:
    networks = ASKED["networks"]
    assert (len(networks["kinds"]), networks["seeds"]) == (7, 10)
    assert all({"neuron", "drive", "rule", "excitatory", "inhibitory"} == set(kind) for kind in networks["kinds"].values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernel": {"threads first": {}}},
        {"networks": {"STDP": {"statistics": []}}},
        {"neurons": [1]},
        {"numerics": {"sum": [1]}},
        {"pynn": 3},
    ],
    ids=lambda one: next(iter(one)),
)
def test_an_answer_of_another_shape_is_refused_before_anything_reads_it(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Study.model_validate({**study(), **wrong})


def test_a_network_that_one_stack_was_not_asked_for_is_unknown(other: dict[str, Any]) -> None:
    other["networks"] = {}
    assert found(other)["network STDP, seed first"].verdict == "unknown"


def test_the_page_draws_activity_seeds_and_verdicts_and_escapes_names(other: dict[str, Any]) -> None:
    other["networks"]["STDP"]["seed first"] = {"hashes": ["ee", "ee"], "spikes": [6050, 6050]}
    stacks = (stack("nest:25.02", "3.8", study()), stack("<b>&", "3.4", other))
    text = page(judge(stacks, {}), probes.findings(stacks))

    assert text.count("<svg") == 3
    assert "NEST 3.4" in text
    assert "other realisation" in text
    assert "<b>&" not in text


def test_figures_need_two_stacks_that_answered(other: dict[str, Any]) -> None:
    alone = (stack("nest:edge", "3.10.0", other), Stack("there", "container", problem="down"))
    assert figures(alone, probes.findings(alone)) == {}
