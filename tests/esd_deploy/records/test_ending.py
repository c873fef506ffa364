"""How a run ended: recorded words of Slurm, UNICORE and the kernel, one row for each."""

import pytest

from esd_deploy.backends.connection import JobState
from esd_deploy.records.ending import ending

EXIT_1 = JobState("FAILED", "User application exited with non-zero exit code", 1)
EXIT_7 = JobState("FAILED", "User application exited with non-zero exit code", 7)
NO_CODE = JobState("FAILED", "Job failed")
CASES = [
    (JobState("SUCCESSFUL", "", 0), {}, "", "", "succeeded"),
    (EXIT_1, {}, "Traceback", "", "failed"),
    (NO_CODE, {"JobState": "TIMEOUT"}, "", "", "time limit"),
    (NO_CODE, {"JobState": "OUT_OF_MEMORY"}, "", "", "out of memory"),
    (NO_CODE, {"JobState": "NODE_FAIL"}, "", "", "node failure"),
    (NO_CODE, {"JobState": "CANCELLED"}, "", "", "cancelled"),
    (NO_CODE, {"State": "CANCELLED by 1001"}, "", "", "cancelled"),
    (NO_CODE, {"State": "CANCELLED+"}, "", "", "cancelled"),
    (EXIT_1, {"JobState": "FAILED"}, "", "", "failed"),
    (NO_CODE, {}, "slurmstepd: error: *** STEP 6.2 ON c1 CANCELLED AT 2026-11-21T07:00:00 DUE TO TIME LIMIT ***", "", "time limit"),
    (NO_CODE, {}, "slurmstepd: error: *** JOB 7 ON c1 CANCELLED AT 2026-11-21T07:00:00 ***", "", "cancelled"),
    (NO_CODE, {}, "slurmstepd: error: *** JOB 7 ON c1 CANCELLED AT 2026-11-21T07:00:00 DUE TO NODE FAILURE ***", "", "node failure"),
    (NO_CODE, {}, "srun: error: Node failure on c2", "", "node failure"),
    (
        EXIT_1,
        {},
        "slurmstepd: error: Detected 1 oom_kill event in StepId=8.0. Some of the step tasks have been OOM Killed.",
        "",
        "out of memory",
    ),
    (JobState("FAILED", "", 137), {}, "srun: error: c1: task 0: Killed", "", "killed"),
    (JobState("FAILED", "Job aborted."), {}, "", "", "cancelled"),
    (JobState("FAILED", "Pre-command(s) failed"), {}, "", "pull on login: disk full: 3 MB free", "image not pulled"),
    (JobState("FAILED", "Pre-command(s) failed"), {}, "", "", "image not pulled"),
    (EXIT_1, {}, "", "job on c1: MPI wire-up hung: the ranks do not find each other", "wire-up failed"),
    (EXIT_1, {}, "", "job on c1: MPI crashed at its start 3 times (Caught signal 11): a message came before", "crash at start"),
    (EXIT_1, {}, "", "job on c1: MPI crashed at its start (Caught signal 8; messages above): neither", "crash at start"),
    (JobState("FAILED", "Could not submit job", None, ("sbatch: error: invalid partition",)), {}, "", "", "not submitted"),
    (NO_CODE, {"JobState": "GONE"}, "", "", "unknown"),
]


@pytest.mark.parametrize(("state", "details", "stderr", "own", "kind"), CASES)
def test_each_ending_is_told_from_the_others(state, details, stderr, own, kind):
    assert ending(state, details, stderr=stderr, own=own).kind == kind


def test_it_is_said_what_an_ending_is_told_from():
    found = ending(NO_CODE, {"JobState": "TIMEOUT", "Reason": "TimeLimit"})

    assert found.because == "batch system: TIMEOUT, TimeLimit"


def test_a_success_without_an_exit_code_is_unknown():
    assert ending(JobState("SUCCESSFUL"), {}).kind == "unknown"


@pytest.mark.parametrize(
    "message",
    [
        "Job description is invalid: No such queue: 'nope' (the site has batch)",
        "Could not submit job: sbatch: error: invalid partition specified: nope",
        "Resource request <Nodes=7> is out of range.",
        "Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)",
    ],
)
def test_what_the_site_did_not_take_was_not_submitted_in_its_own_words(message):
    found = ending(JobState("FAILED", message), {})

    assert (found.kind, message in found.because) == ("not submitted", True)


def test_a_step_that_srun_ended_because_a_rank_died_was_not_cancelled():
    step = "slurmstepd-c1: error: *** STEP 7.0 ON c1 CANCELLED AT 2026-11-30T21:43:17 ***\n"
    own = f"srun: launch/slurm: _step_signal: Terminating StepId=7.0\n{step}"
    whole = own + "slurmstepd-c1: error: *** JOB 7 ON c1 CANCELLED AT 2026-11-30T21:43:18 ***\n"

    assert ending(EXIT_7, {}, stderr=own).kind == "failed"
    assert ending(EXIT_7, {}, stderr=step).kind == "cancelled"
    assert ending(EXIT_7, {}, stderr=whole).kind == "cancelled"
