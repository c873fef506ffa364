"""A start of MPI that dies as it did by chance: a container program that crashes one rank of the wire-up check, a given number of times.

What the rank says is recorded of a real crash; srun, Slurm's end of the step, the next start and the record are real.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.sites.conftest import Deploy

from esd_build.registry import PublishedImage
from esd_localsite.state.status import SiteStatus

pytestmark = pytest.mark.site

IMAGE = ("--image", "nest:edge", "--nodes", "2")
RECORDED = Path(__file__).parents[1] / "data" / "starts"
PROGRAM = "from mpi4py import MPI\nif MPI.COMM_WORLD.rank == 0:\n    open('starts.txt', 'a').write('program\\n')\n"
CONTAINER = """#!/bin/bash
case "$*" in
  *esd/wireup.py*)
    if [ "$SLURM_PROCID" = 1 ] && [ "$(cat crashes 2>/dev/null | wc -l)" -lt {times} ]; then
      echo crash >>crashes
      cat <<'WORDS' >&2
{words}WORDS
      kill -SEGV $$
    fi ;;
esac
exec apptainer "$@"
"""

Crashing = Callable[[str, int], Deploy]


@pytest.fixture
def crashing(deploy: Deploy, running_site: SiteStatus, published: PublishedImage) -> Crashing:
    """The session's site, whose container program lets the wire-up check die as in a recording, so many times."""

    def make(recording: str, times: int) -> Deploy:
        program = running_site.scratch / f"crashing-{recording}-{times}"
        program.write_text(CONTAINER.format(times=times, words=(RECORDED / f"{recording}.txt").read_text()))
        program.chmod(0o755)
        site_file = deploy.runs / f"crashing-{times}.yaml"
        site_file.write_text(f"{deploy.site_file.read_text()}\napptainer: {program}\n")
        return replace(deploy, site_file=site_file)

    return make


def kept(deploy: Deploy, record: dict[str, Any], name: str) -> str:
    path = deploy.folder(record) / name
    return path.read_text() if path.is_file() else ""


@pytest.mark.parametrize("times", [1, 2])
def test_a_run_whose_start_dies_by_chance_starts_again_and_succeeds(crashing: Crashing, script: Callable[[str], Path], times: int) -> None:
    site = crashing("race-ucx", times)

    record = site.run(script(PROGRAM), *IMAGE)

    assert (record["status"], record["exit_code"], record["ranks"]) == ("SUCCESSFUL", 0, 2)
    assert [crash["attempt"] for crash in record["start_crashes"]] == list(range(1, times + 1))
    assert all("in mca_pml_ob1_recv_frag_callback_match" in crash["reason"] for crash in record["start_crashes"])
    assert kept(site, record, "starts.txt") == "program\n"


def test_after_three_crashes_the_run_ends_as_a_crash_and_no_setting_is_blamed(crashing: Crashing, script: Callable[[str], Path]) -> None:
    site = crashing("race-ucx", 9)

    record = site.run(script(PROGRAM), *IMAGE, code=1)

    assert (record["ending"]["kind"], len(record["start_crashes"])) == ("crash at start", 2)
    assert "MPI crashed at its start 3 times" in record["ending"]["because"]
    assert kept(site, record, "starts.txt") == ""


def test_another_crash_is_called_one_at_once(crashing: Crashing, script: Callable[[str], Path]) -> None:
    site = crashing("other-ucx", 9)

    record = site.run(script(PROGRAM), *IMAGE, code=1)

    assert (record["ending"]["kind"], record["start_crashes"]) == ("crash at start", [])
    assert "in ffi_call" in record["ending"]["because"]
    assert kept(site, record, "crashes") == "crash\n"
