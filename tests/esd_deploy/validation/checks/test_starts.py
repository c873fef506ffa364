"""Whether MPI's start waits for all nodes, and how often it dies: what `fence.py` and `starts.sh` printed, and what the ranks said."""

import importlib.resources
import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.esd_deploy.validation.conftest import Changed

from esd_deploy.validation.checks import starts, wireup
from esd_deploy.validation.checks.starts import FENCE_ADVICE
from esd_deploy.validation.terms.observations import Observations

CRASHES = Path(__file__).parents[3] / "data" / "starts"
RACE = "Caught signal 11 (Segmentation fault: address not mapped to object at address 0xe0) in mca_pml_ob1_recv_frag_callback_match"


def said(*outcomes: tuple[int, str, bool]) -> str:
    rows = (
        {"start": number, "code": code, "seconds": 0.8, "crash": crash, "by_chance": chance}
        for number, (code, crash, chance) in enumerate(outcomes, 1)
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


WELL = (0, "", False)


@pytest.mark.parametrize(
    ("outcomes", "outcome", "reason", "advice"),
    [
        ((WELL,) * 5, "passed", "5 starts of 4 ranks, none failed; 0.8 s each", ""),
        ((WELL, (14, RACE, True), WELL), "failed", f"1 of 3 starts crashed: {RACE}", FENCE_ADVICE),
        (((139, "Caught signal 8", False), (14, RACE, True)), "failed", f"2 of 2 starts crashed: {RACE}", FENCE_ADVICE),
        ((WELL, (139, "Caught signal 8", False)), "failed", "1 of 2 starts crashed: Caught signal 8", "the image's MPI"),
        (((124, "", False), WELL), "failed", "1 of 2 starts failed (exit code 124)", "wireup-nodes"),
        (
            ((124, "", False), (139, RACE, True)),
            "failed",
            "1 of 2 starts crashed: " + RACE + "; 1 more failed without a crash",
            FENCE_ADVICE,
        ),
    ],
)
def test_crashes_are_counted_and_told_apart(
    change: Changed, outcomes: tuple[tuple[int, str, bool], ...], outcome: str, reason: str, advice: str
) -> None:
    verdict = starts.starts(change.output("starts", stdout=said(*outcomes)))

    assert verdict.outcome == outcome
    assert verdict.reason.startswith(reason)
    assert advice in verdict.advice
    assert "plugin" not in verdict.advice


@pytest.mark.parametrize(
    ("printed", "outcome", "reason"),
    [
        ({"waited_s": 1.02}, "passed", "MPI waited for a rank"),
        ({"waited_s": 0.06}, "failed", "does not wait for other nodes (0.06 s for a rank that was 1 s late)"),
        ({"waited_s": 0.06, "size": 1}, "unknown", "1 ranks instead of 2"),
        ({"waited_s": 0.06, "library": "MPICH Version: 4.2"}, "unknown", "MPICH"),
    ],
)
def test_a_fence_waits_for_who_is_late(change: Changed, printed: dict[str, object], outcome: str, reason: str) -> None:
    facts = {"size": 2, "late_s": 1.0, "library": "Open MPI v5.0.7", **printed}

    verdict = starts.fence(change.output("fence", stdout=json.dumps(facts) + "\n"))

    assert verdict.outcome == outcome
    assert reason in verdict.reason


@pytest.mark.parametrize("recording", ["race-ucx", "null-openmpi", "other-ucx"])
def test_a_crash_in_the_wire_up_check_blames_no_setting(change: Changed, recording: str) -> None:
    words = (CRASHES / f"{recording}.txt").read_text()

    verdict = wireup.wireup_nodes(change.output("wireup-nodes", code=14, stdout="", stderr=words))

    assert (verdict.outcome, verdict.reason.startswith("a rank crashed: ")) == ("failed", True)
    assert "`mpi`" not in verdict.advice


def test_what_is_no_crash_is_still_the_sites(change: Changed) -> None:
    words = (CRASHES / "wrong-process.txt").read_text()

    assert "`mpi`" in wireup.wireup_nodes(change.output("wireup-nodes", code=14, stdout="", stderr=words)).advice


@pytest.mark.integration
def test_the_script_counts_starts_and_keeps_the_first_ones_words(tmp_path: Path, good: Observations) -> None:
    (tmp_path / "esd").mkdir()
    package = importlib.resources.files("esd_deploy")
    (tmp_path / "esd" / "crash.sh").write_bytes((package / "job" / "crash.sh").read_bytes())
    program = f'echo >>n; [ $(wc -l <n) != 2 ] || {{ cat "{CRASHES}/race-ucx.txt"; exit 14; }}'
    command = ("bash", str(package / "validation" / "job" / "starts.sh"), "3", "10", "bash", "-c", program)

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})

    verdict = starts.starts(Changed(good).output("starts", stdout=done.stdout))
    assert verdict.reason == f"1 of 3 starts crashed: {RACE}"
    assert "ompi_mpi_init+0x" in done.stderr
