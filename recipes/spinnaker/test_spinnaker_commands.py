"""What users do with the spinnaker image: build models, and ask whether a network fits. Runs the commands on the image in dist/images/."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.image

ROOT = Path(__file__).parents[2]
MAPPED = """
import importlib, os
from pathlib import Path
sim = importlib.import_module("pyNN." + os.environ["PYNN_SIMULATOR"])
sim.setup(timestep=1.0)
cells = sim.Population(int(Path("parts/size.txt").read_text()), sim.IF_curr_exp(i_offset=1.0), label="cells")
cells.record("spikes")
sim.run(100.0)
"""


def run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = (str(Path(sys.executable).with_name(program)), *arguments)
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def _this_image(image: Path) -> None:
    if image.resolve() != ROOT / "dist" / "images" / "spinnaker-edge.sif":
        pytest.skip("the commands use the image in dist/images/")


def test_a_model_for_spinnaker_is_generated_and_compiled_and_the_output_says_why_it_is_not_linked(tmp_path: Path) -> None:
    finished = run("esd-build", "model", "models/lif_exp.nestml", "--target", "spinnaker", "--output", str(tmp_path))
    assert finished.returncode == 0, finished.stdout
    assert "lif_exp: spinnaker: generated: passed" in finished.stdout
    assert "lif_exp: spinnaker: compiled: passed (ARM object, against stand-in headers)" in finished.stdout
    assert "lif_exp: spinnaker: linked: skipped (SpiNNaker's C stack is not in the image" in finished.stdout
    (arm,) = tmp_path.rglob("lif_exp_impl.o")
    assert (arm.read_bytes()[:5], arm.read_bytes()[18]) == (b"\x7fELF\x01", 40)  # 32 bits; ARM
    assert not list(tmp_path.rglob("*.aplx"))


def test_a_model_that_spinnaker_cannot_express_is_reported(tmp_path: Path) -> None:
    finished = run("esd-build", "model", "models/izhikevich.nestml", "--target", "spinnaker", "--output", str(tmp_path))
    assert finished.returncode == 1
    assert "compiled: failed (#error" in finished.stdout
    assert "GSL library is required" in finished.stdout


def test_an_archive_is_mapped_together_with_its_files(tmp_path: Path) -> None:
    packed = tmp_path / "net.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("run.py", MAPPED)
        archive.writestr("parts/size.txt", "300")
    finished = run("esd-deploy", "fit", str(packed), "--site", "spinnaker", "--json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["populations"]["cells"]["cores"] > 0


def test_a_network_too_big_for_a_board_is_refused_before_it_waits_in_a_queue() -> None:
    script = "examples/balanced_network/balanced_network.py"
    finished = run("esd-deploy", "fit", script, "--site", "spinnaker", "--boards", "1", "--", "--neurons", "80000")
    assert finished.returncode == 1
    assert "boards, 1 may be had; make it smaller" in finished.stderr
