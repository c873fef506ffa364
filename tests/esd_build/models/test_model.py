"""NESTML models: keys, commands, reports. Nothing is generated here."""

import json

import pytest

from esd_build.data.errors import UsageError
from esd_build.models.model import ModelPlan, ModelSource
from esd_build.models.report import assemble

NEURON = "model lif_a:\n    state:\n        V_m mV = 0 mV\n"


@pytest.fixture
def neuron(tmp_path):
    path = tmp_path / "my-lif.nestml"
    path.write_text(f"# a comment\n{NEURON}")
    return path


@pytest.fixture
def synapse(tmp_path):
    path = tmp_path / "stdp.nestml"
    path.write_text("model stdp_synapse:\n")
    return path


@pytest.mark.parametrize("word", ["model", "neuron", "synapse"])
def test_a_model_in_the_words_of_an_older_nestml_is_known(tmp_path, word):
    (tmp_path / "a.nestml").write_text(f"{word} lif_a:\n")
    assert ModelSource(tmp_path / "a.nestml").module == "a_module"


def plan(source, tmp_path, target="nest", sha256="a" * 64):
    return ModelPlan(source, target, tmp_path / "nest-edge.sif", sha256)


def test_the_module_is_named_as_nestml_wants_it(neuron, synapse):
    assert ModelSource(neuron).module == "my_lif_module"
    assert ModelSource(neuron, synapse).module == "my_lif_stdp_module"


def test_the_key_changes_with_all_that_decides_and_with_nothing_else(neuron, tmp_path):
    source = ModelSource(neuron)
    key = plan(source, tmp_path).key
    assert key == plan(ModelSource(neuron), tmp_path).key
    assert key != plan(source, tmp_path, sha256="b" * 64).key
    assert key != plan(source, tmp_path, target="spinnaker").key
    neuron.write_text(NEURON)
    assert key != plan(source, tmp_path).key


def test_what_runs_in_the_image(neuron, synapse, tmp_path):
    assert plan(ModelSource(neuron), tmp_path).commands == (
        ("python3", "/inside/generate.py", "nest", "my_lif_module", "/work", "/work/my-lif.nestml"),
    )
    generate, compile_ = plan(ModelSource(neuron, synapse), tmp_path, target="spinnaker").commands
    assert generate[5:9] == ("--pair", "lif_a", "stdp_synapse", "post_spikes")
    assert compile_ == ("python3", "/inside/spinnaker_trace.py", "/work", "compile")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.txt", NEURON, "must end with .nestml"), ("b.nestml", "nonsense", "no line 'model NAME:'"), ("c.nestml", None, "No such file")],
)
def test_a_file_that_is_no_model_is_said(tmp_path, name, content, says):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=says):
        ModelSource(path).require_models()


def left_behind(folder, steps, messages=(), neurons=None):
    """What the scripts in the image leave."""
    (folder / "product").mkdir()
    (folder / "product" / "x.so").write_text("")
    (folder / "report.json").write_text(json.dumps({"nestml": "9.0.0", "steps": steps, "messages": list(messages)}))
    if neurons is not None:
        (folder / "compile.json").write_text(json.dumps(neurons))


def step(name, state, detail=""):
    return {"name": name, "state": state, "detail": detail}


def test_a_report_says_each_step_and_nestmls_own_words(neuron, tmp_path):
    message = {"level": "error", "file": "my-lif", "line": 13, "column": 15, "text": "units do not match"}
    left_behind(tmp_path, [step("generated", "failed", "the model has errors")], [message])

    report = assemble(plan(ModelSource(neuron), tmp_path), tmp_path)

    assert report.failed
    assert report.lines == ["my-lif.nestml:13:15: error: units do not match", "lif_a: nest: generated: failed (the model has errors)"]
    assert report.files == ("x.so",)


def test_a_message_that_nestml_gives_no_file_for_names_both(neuron, synapse, tmp_path):
    message = {"level": "error", "file": "", "line": 2, "column": 0, "text": "no"}
    left_behind(tmp_path, [step("generated", "failed")], [message])
    assert assemble(plan(ModelSource(neuron, synapse), tmp_path), tmp_path).lines[0].startswith("my-lif.nestml or stdp.nestml:2:0:")


@pytest.mark.parametrize(
    ("neurons", "state", "detail"),
    [
        ({"lif_a_impl": {"compiled": True, "said": ""}}, "passed", "ARM object, against stand-in headers"),
        ({"lif_a_impl": {"compiled": False, "said": "x.h:1: error: no GSL\n1 | ^"}}, "failed", "no GSL"),
        ({}, "failed", "no neuron was generated"),
    ],
)
def test_for_spinnaker_the_arm_objects_count(neuron, tmp_path, neurons, state, detail):
    left_behind(tmp_path, [step("generated", "passed"), step("linked", "skipped", "no C stack")], neurons=neurons)
    report = assemble(plan(ModelSource(neuron), tmp_path, target="spinnaker"), tmp_path)
    assert [s.name for s in report.steps] == ["generated", "compiled", "linked"]
    assert (report.step("compiled").state, report.step("compiled").detail) == (state, detail)
    assert report.failed == (state == "failed")
