"""The runner of steps, as bash runs it: what it keeps, and that a hang costs the time limit and nothing more."""

import importlib.resources
import subprocess
from pathlib import Path

import pytest

from esd_deploy.validation.terms import observations
from esd_deploy.validation.terms.step import Step

pytestmark = pytest.mark.integration
STEP_SH = importlib.resources.files("esd_deploy") / "validation" / "job" / "step.sh"


def run(folder, *lines):
    """Run steps in a folder, without a batch system."""
    text = "\n".join(("set -u", f"source {STEP_SH}", *lines, "echo went on"))
    finished = subprocess.run(["bash", "-c", text], cwd=folder, capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"})
    assert finished.stdout == "went on\n"
    return finished


def outputs(folder, *names, limit_s=1):
    found = observations.read(folder, [Step(name, (), limit_s) for name in names])
    return {output.step: output for output in found}


def test_what_a_step_printed_and_how_it_ended_is_kept(tmp_path):
    run(tmp_path, "step good 5 echo well", "step bad 5 sh -c 'echo broken >&2; exit 3'", "step none 5 no-such-program")
    found = outputs(tmp_path, "good", "bad", "none", "never", limit_s=5)

    assert (found["good"].code, found["good"].stdout) == (0, "well\n")
    assert (found["bad"].code, found["bad"].stderr) == (3, "broken\n")
    assert found["none"].code == 127
    assert "never" not in found


@pytest.mark.parametrize("program", ["sleep 60", "sh -c 'trap \"\" TERM; exec sleep 60'"])
def test_a_step_that_hangs_is_ended_and_the_next_one_runs(tmp_path, program):
    run(tmp_path, f"step hangs 1 {program}", "step next 5 echo well")
    found = outputs(tmp_path, "hangs", "next")

    assert found["hangs"].hung
    assert found["hangs"].seconds < 20
    assert found["next"].stdout == "well\n"


def test_a_step_reads_nothing_that_the_script_is_read_from(tmp_path):
    run(tmp_path, "step reader 5 cat")

    assert outputs(tmp_path, "reader", limit_s=5)["reader"].code == 0


def test_all_scripts_are_well_formed():
    for script in Path(str(STEP_SH)).parent.iterdir():
        if script.name.endswith(".sh"):
            subprocess.run(["bash", "-n", str(script)], check=True)
        else:
            compile(script.read_text(), script.name, "exec")
