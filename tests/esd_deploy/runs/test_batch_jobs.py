"""The soak's comparison of Slurm's jobs with the runs: one that nobody knows, or a second one that worked, must not pass."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "deploy"


@pytest.fixture
def batch_jobs(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("batch_jobs")


@pytest.fixture
def compared(batch_jobs, tmp_path):
    """Of one run, in whose folder the jobs decided as given: number → note, or None for one that never began."""

    def compare(notes, *, succeeded=True, state="COMPLETED", elsewhere=()):
        (tmp_path / "esd" / "jobs").mkdir(parents=True)
        for number, note in notes.items():
            if note is not None:
                (tmp_path / "esd" / "jobs" / str(number)).write_text(note + "\n")
        jobs = [batch_jobs.BatchJob(number, state, tmp_path) for number in notes]
        jobs += [batch_jobs.BatchJob(number, state, tmp_path / "unknown") for number in elsewhere]
        return batch_jobs.compared(jobs, {tmp_path: SimpleNamespace(id="run-1", succeeded=succeeded)})

    return compare


def test_one_job_that_worked_beside_those_that_gave_way_is_good(compared):
    found = compared({1: "gives way to 3", 2: None, 3: "works"})
    assert (found.runs, found.jobs, found.worked, found.spare, found.odd) == (1, 3, 1, 2, ())


@pytest.mark.parametrize(
    ("notes", "options", "says"),
    [
        ({1: "works", 2: "works"}, {}, "2 of its batch jobs worked"),
        ({1: "gives way to 2"}, {}, "0 of its batch jobs worked"),
        ({1: "works"}, {"elsewhere": (7,)}, "/unknown belongs to no run"),
        ({1: "works"}, {"state": "RUNNING"}, "batch job 1 is still RUNNING"),
    ],
)
def test_what_is_not_one_job_for_a_run_is_named(compared, notes, options, says):
    (odd,) = compared(notes, **options).odd
    assert says in odd


def test_jobs_of_slurms_log_and_of_its_queue_are_found_once(batch_jobs, monkeypatch, tmp_path):
    (tmp_path / "site" / "log").mkdir(parents=True)
    line = "JobId=10 UserId=esd(1001) Name=a JobState={} Partition=batch WorkDir=/u/one ReservationName= Tres=cpu=1\n"
    (tmp_path / "site" / "log" / "jobs.log").write_text(line.format("NODE_FAIL"))
    monkeypatch.setattr(batch_jobs, "_STATE", tmp_path)
    answer = SimpleNamespace(stdout="10 RUNNING /u/one\n11 PENDING /u/with blank\n")
    monkeypatch.setattr(batch_jobs.subprocess, "run", lambda *_, **__: answer)

    found = batch_jobs.of_slurm("site")

    assert {number: (job.state, str(job.folder)) for number, job in found.items()} == {
        10: ("RUNNING", "/u/one"),
        11: ("PENDING", "/u/with blank"),
    }
