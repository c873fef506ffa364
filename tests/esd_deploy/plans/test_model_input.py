"""A NESTML model that goes with a run; nothing is compiled here."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from esd_build.data.errors import UsageError
from esd_build.models.building import BuiltModel
from esd_build.models.model import ModelPlan
from esd_build.models.report import Message, ModelReport, Step
from esd_deploy.plans.model_input import with_model

GOOD = (Step(name="generated", state="passed"), Step(name="compiled", state="passed"))
SIF = "b" * 64


@dataclass
class FakeBuilder:
    """Gives a model whose result is in a folder."""

    folder: Path
    steps: tuple[Step, ...] = GOOD
    messages: tuple[Message, ...] = ()
    image_sha256: str = SIF
    planned: ModelPlan | None = None

    def plan(self, source, target, image):
        self.planned = ModelPlan(source, target, image, self.image_sha256)
        return self.planned

    def build(self, plan):
        report = ModelReport(
            model="lif", target=plan.target, module="lif_module", nestml="9.0.0", image=plan.image.name, image_sha256=plan.image_sha256,
            key="0" * 16, sources=("lif.nestml",), steps=self.steps, messages=self.messages, files=("lif_module.so",),
        )  # fmt: skip
        (self.folder / "product").mkdir(exist_ok=True)
        (self.folder / "product" / "lif_module.so").write_bytes(b"ELF")
        return BuiltModel(report, self.folder)


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "lif.nestml"
    path.write_text("model lif:\n")
    return path


def test_the_module_is_an_input_of_the_run_compiled_for_its_image(planned, model, tmp_path):
    builder = FakeBuilder(tmp_path)
    assert with_model(planned, model, builder).inputs == (("lif_module.so", b"ELF"),)
    assert (builder.planned.target, builder.planned.image.name) == ("nest", "nest-edge.sif")


def test_a_model_compiled_in_another_image_does_not_go(planned, model, tmp_path):
    with pytest.raises(UsageError, match="compiled for another NEST"):
        with_model(planned, model, FakeBuilder(tmp_path, image_sha256="c" * 64))


def test_a_wrong_model_is_said_in_nestmls_words(planned, model, tmp_path):
    wrong = FakeBuilder(
        tmp_path,
        (Step(name="generated", state="failed", detail="the model has errors"),),
        (Message(level="error", file="lif.nestml", line=3, column=8, text="units"),),
    )
    with pytest.raises(UsageError, match=r"lif\.nestml:3:8: error: units"):
        with_model(planned, model, wrong)


def test_for_spinnaker_a_model_must_be_linked(planned, model, tmp_path):
    queue = replace(planned, mode="queue", image=None)
    unlinked = FakeBuilder(tmp_path, (*GOOD, Step(name="linked", state="skipped", detail="no C stack")))
    with pytest.raises(UsageError, match=r"linked: skipped \(no C stack\)"):
        with_model(queue, model, unlinked)


def test_without_an_image_there_is_nothing_to_compile_for(planned, model, tmp_path):
    with pytest.raises(UsageError, match="give --image"):
        with_model(replace(planned, mode="module", image=None), model, FakeBuilder(tmp_path))


def test_an_input_of_the_same_name_is_not_overwritten(planned, model, tmp_path):
    with pytest.raises(UsageError, match=r"already has an input 'lif_module\.so'"):
        with_model(replace(planned, inputs=(("lif_module.so", b"mine"),)), model, FakeBuilder(tmp_path))
