"""A start of MPI that crashes: told from a wrong site by what the ranks said (recorded), made again within bounds, and noted."""

import importlib.resources
import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
JOB = importlib.resources.files("esd_deploy") / "job"
RECORDED = Path(__file__).parents[2] / "data" / "starts"
# Recording → whether another start may be well, and what is said of the crash; None where no rank crashed.
SAID = {
    "race-ucx": (
        True,
        "Caught signal 11 (Segmentation fault: address not mapped to object at address 0xe0) in mca_pml_ob1_recv_frag_callback_match",
    ),
    "race-openmpi": (True, "Signal: Segmentation fault (11) in mca_pml_ob1_recv_frag_callback_match"),
    "null-ucx": (True, "Caught signal 11 (Segmentation fault: address not mapped to object at address (nil))"),
    "null-openmpi": (True, "Signal: Segmentation fault (11)"),
    "other-ucx": (False, "Caught signal 11 (Segmentation fault: address not mapped to object at address (nil)) in ffi_call"),
    "abort": (False, "task 0: Exited with exit code 134"),
    "illegal": (False, "task 0: Illegal instruction"),
    "wrong-process": (False, None),
    "servers-apart": (False, None),
}


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(("bash", "-c", script), cwd=folder, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]})


def test_every_recording_is_looked_at() -> None:
    assert {path.stem for path in RECORDED.iterdir()} == set(SAID)


@pytest.mark.parametrize("recording", SAID)
def test_a_crash_is_told_from_other_failures(recording: str, tmp_path: Path) -> None:
    chance, said = SAID[recording]

    found = run(f"source {JOB / 'crash.sh'}; crash {RECORDED / recording}.txt", tmp_path)
    again = run(f"source {JOB / 'crash.sh'}; by_chance {RECORDED / recording}.txt", tmp_path)

    assert (found.returncode == 0, found.stdout.strip() or None) == (said is not None, said)
    assert (again.returncode == 0) is chance


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "esd").mkdir()
    for name in ("job.sh", "claim.sh", "inventory.sh", "steps.sh", "wireup.sh", "crash.sh"):
        (tmp_path / "esd" / name).write_bytes((JOB / name).read_bytes())
    return tmp_path


def job(folder: Path, recording: str, *, crashes: int, code: int = 139) -> subprocess.CompletedProcess[str]:
    """A job whose wire-up says what was recorded, so many times; then it is well."""
    steps = dict.fromkeys(("activate", "prepare", "spread", "digests", "versions"), "true")
    wireup = f"echo >>starts; [ $(wc -l <starts) -gt {crashes} ] || {{ cat {RECORDED / recording}.txt >&2; return {code}; }}"
    launch = {**steps, "wireup": wireup, "program": "echo >>ran"}
    (folder / "esd" / "launch.sh").write_text("".join(f"{name}() {{ {line}; }}\n" for name, line in launch.items()))
    return run("bash esd/job.sh", folder)


def lines(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.parametrize("crashes", [1, 2])
@pytest.mark.parametrize("recording", ["race-ucx", "null-ucx", "race-openmpi", "null-openmpi"])
def test_a_start_that_died_by_chance_is_made_again_and_noted(folder: Path, recording: str, crashes: int) -> None:
    ended = job(folder, recording, crashes=crashes, code=14)

    assert (ended.returncode, lines(folder / "starts"), lines(folder / "ran")) == (0, crashes + 1, 1)
    noted = [json.loads(line) for line in (folder / "esd" / "start-crashes.jsonl").read_text().splitlines()]
    assert noted == [{"attempt": number, "reason": SAID[recording][1]} for number in range(1, crashes + 1)]
    assert "MPI crashed at its start; once more (1 of at most 2)" in ended.stderr
    # Slurm's words of a step that a crash cancelled would be taken for the job's end.
    assert "CANCELLED" not in ended.stderr


def test_it_is_made_again_twice_at_most_and_the_program_never_starts(folder: Path) -> None:
    ended = job(folder, "race-ucx", crashes=9)

    assert (ended.returncode, lines(folder / "starts"), lines(folder / "ran")) == (1, 3, 0)
    assert "MPI crashed at its start 3 times (Caught signal 11" in (folder / "esd" / "failure.txt").read_text()
    assert "mca_pml_ob1_recv_frag_callback_match+0x" in ended.stderr


@pytest.mark.parametrize(
    ("recording", "words"),
    [("other-ucx", "in ffi_call"), ("abort", "exit code 134"), ("illegal", "the image is for another processor")],
)
def test_another_crash_is_called_a_crash_at_once_and_no_setting_is_blamed(folder: Path, recording: str, words: str) -> None:
    ended = job(folder, recording, crashes=9)

    failure = (folder / "esd" / "failure.txt").read_text()
    assert (ended.returncode, lines(folder / "starts"), lines(folder / "ran")) == (1, 1, 0)
    assert "MPI crashed at its start (" in failure
    assert words in failure
    assert "`mpi`" not in failure
    assert "wire-up" not in failure


@pytest.mark.parametrize(("recording", "code", "words"), [("wrong-process", 14, "wire-up failed"), ("servers-apart", 124, "wire-up hung")])
def test_what_is_no_crash_is_not_made_again(folder: Path, recording: str, code: int, words: str) -> None:
    ended = job(folder, recording, crashes=9, code=code)

    assert (ended.returncode, lines(folder / "starts"), lines(folder / "ran")) == (1, 1, 0)
    assert words in (folder / "esd" / "failure.txt").read_text()


def test_notes_of_an_earlier_life_of_the_job_are_gone(folder: Path) -> None:
    (folder / "esd" / "start-crashes.jsonl").write_text("old\n")

    assert job(folder, "race-ucx", crashes=0).returncode == 0
    assert not (folder / "esd" / "start-crashes.jsonl").exists()


RANK_DIED = """srun: error: c1: task 1: Exited with exit code 7
srun: launch/slurm: _step_signal: Terminating StepId=10017.0
slurmstepd-c1: error: *** STEP 10017.0 ON c1 CANCELLED AT 2026-11-30T21:43:17 ***
srun: error: c1: task 0: Exited with exit code 143
srun: error: c2: task 2: Terminated
srun: Force Terminated StepId=10017.0
"""
"""What Slurm 22.05 said when one rank of four ended with 7."""


@pytest.mark.parametrize(
    ("said", "srun_code", "code"),
    [
        (RANK_DIED, 143, 7),
        (RANK_DIED, 3, 3),
        (RANK_DIED.replace("Exited with exit code 7", "Segmentation fault"), 143, 143),
        ("srun: error: c1: task 1: Exited with exit code 143\n", 143, 143),
    ],
)
def test_the_code_of_a_step_is_that_of_the_rank_that_died_first(folder: Path, said: str, srun_code: int, code: int) -> None:
    (folder / "said").write_text(said)

    ended = run(f"exec 2>errors; source esd/steps.sh; program() {{ cat said >&2; return {srun_code}; }}; start program", folder)

    assert ended.returncode == code
