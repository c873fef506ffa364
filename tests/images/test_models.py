"""NESTML models in the finished images. The comparison of all of them takes minutes: `pytest -m long tests/images/test_models.py`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def esd_build(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = (str(Path(sys.executable).with_name("esd-build")), *arguments)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def spinnaker_image() -> Path:
    path = ROOT / "dist" / "images" / "spinnaker-edge.sif"
    if not path.is_file():
        pytest.skip("no spinnaker image: `make image IMAGE=spinnaker` builds it")
    return path


@pytest.fixture
def nest_image() -> None:
    """`esd-build model` asks edge's NESTML, whichever image is under test."""
    if not (ROOT / "dist" / "images" / "nest-edge.sif").is_file():
        pytest.skip("no nest image of edge: `make image` builds it")


@pytest.mark.image
def test_a_wrong_model_is_said_with_its_line(apptainer, nest_image, tmp_path) -> None:
    text = (ROOT / "models" / "lif_exp.nestml").read_text()
    wrong = tmp_path / "wrong.nestml"
    wrong.write_text(text.replace("+ I_e) / C_m", "+ I_e) / tau_m"))
    line = next(number for number, line in enumerate(wrong.read_text().splitlines(), start=1) if "/ tau_m" in line and "V_m'" in line)

    finished = esd_build("model", str(wrong), "--target", "nest", "--output", str(tmp_path / "out"))

    assert finished.returncode == 1
    assert f"wrong.nestml:{line}:" in finished.stdout
    assert "inconsistent units" in finished.stdout


@pytest.mark.image
def test_a_text_that_is_no_nestml_is_said_with_its_line(apptainer, nest_image, tmp_path) -> None:
    text = (ROOT / "models" / "lif_exp.nestml").read_text()
    wrong = tmp_path / "wrong.nestml"
    wrong.write_text(text.replace("C_m pF = 250 pF", "C_m pF = = 250 pF"))
    line = next(number for number, line in enumerate(wrong.read_text().splitlines(), start=1) if "= =" in line)

    finished = esd_build("model", str(wrong), "--target", "nest", "--output", str(tmp_path / "out"))

    assert finished.returncode == 1
    assert f"wrong.nestml:{line}:" in finished.stdout
    assert "generated: failed" in finished.stdout


@pytest.mark.long
@pytest.mark.image
def test_every_model_does_the_same_on_both_machines(apptainer, image, spinnaker_image) -> None:
    finished = esd_build("portability", "--json")
    rows = {(row["model"], row["target"]): row["stages"] for row in json.loads(finished.stdout)}
    assert finished.returncode == 0, finished.stdout
    agreed = {key for key, stages in rows.items() if stages["agreed"] == "passed"}
    assert agreed >= {(model, target) for model in ("lif_exp", "lif_alpha", "lif_adaptive") for target in ("nest", "spinnaker")}
    assert {(model, "nest") for model in ("izhikevich", "aeif_exp", "aeif_exp, NEST's own", "lif_exp with stdp_synapse")} <= agreed
    assert rows["izhikevich", "spinnaker"]["compiled"] == "failed"  # GSL is not on the chip: known, and shown
    assert all(stages.get("linked", "skipped") == "skipped" for stages in rows.values())
