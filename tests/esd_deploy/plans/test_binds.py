"""What a container sees of the site: the shell lines of a launch, run with a stand-in that takes the settings of one family only."""

import subprocess

import pytest

from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape

pytestmark = pytest.mark.integration

# Binds of the command line, and of its own family's variable; as the real programs do.
STAND_IN = """#!/bin/bash
family=FAMILY
bind=${family}_BIND
printf 'variable %s\\n' "${!bind}"
quiet=${family}_QUIET
printf 'quiet %s\\n' "${!quiet}"
printf 'word %s\\n' "$@"
"""


@pytest.fixture
def run(config, tmp_path):
    """Runs `prepare` and the look into the container."""

    def go(program, family, binds, **environment):
        site = config.model_copy(update={"apptainer": program, "binds": binds})
        (tmp_path / program).write_text(STAND_IN.replace("FAMILY", family))
        (tmp_path / program).chmod(0o755)
        text = launch.launch_file(site, Shape(), ("net.py",), mode="container") + "prepare && visible\n"
        variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", **environment}
        return subprocess.run(("bash", "-u", "-c", text), env=variables, capture_output=True, text=True, check=False)

    return go


@pytest.mark.parametrize(("program", "family"), [("apptainer", "APPTAINER"), ("singularity", "SINGULARITY")])
@pytest.mark.parametrize("said_as", ["APPTAINER", "SINGULARITY"])
def test_the_sites_own_settings_hold_beside_ours_for_either_program(run, program, family, said_as):
    site = {f"{said_as}_BIND": "/site", f"{said_as}_QUIET": "1"}

    seen = run(program, family, ("/tmp", "$DATA/my sets"), DATA="/gpfs/a b", **site)

    assert seen.returncode == 0, seen.stderr
    assert {"variable /site", "quiet 1", "word --bind", "word /tmp", "word /gpfs/a b/my sets"} <= set(seen.stdout.splitlines())


def test_a_bind_that_the_site_does_not_know_is_named(run):
    seen = run("apptainer", "APPTAINER", ("$NOWHERE",))

    assert (seen.returncode, "does not set $NOWHERE" in seen.stderr) == (1, True)
