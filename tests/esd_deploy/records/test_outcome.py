import pytest

from esd_deploy.backends.connection import JobState
from esd_deploy.records import outcome
from esd_deploy.records.record import RunRecord
from esd_deploy.records.record_parts import EndingRecord, StartCrashRecord


@pytest.fixture
def ended(planned):
    found = RunRecord.of(planned, {}).with_state(JobState("SUCCESSFUL", exit_code=0))
    known = {"hosts": ("c1", "c2"), "ranks": 2, "versions": {"NEST": "3.10.0"}}
    metrics = {"neurons": 12500, "simulation_time_s": 3.7123, "rate_excitatory_hz": 7.0312, "cv_isi_excitatory": 0.81234, "ranks": 2}
    return found.model_copy(update={**known, "metrics": metrics})


def test_the_table_shows_what_ran_and_all_metrics(ended):
    assert dict(outcome.rows(ended)) == {
        "site": "valid",
        "image": "registry.example.org/esd/nest:edge",
        "digest": "sha256:" + "a" * 64,
        "status": "SUCCESSFUL, exit code 0",
        "nodes": "2 (c1, c2)",
        "MPI ranks": "2 x 4 threads",
        "NEST inside": "3.10.0",
        "neurons": "12,500",
        "simulation time": "3.712 s",
        "rate excitatory": "7.031 Hz",
        "cv isi excitatory": "0.8123",
    }


def test_a_start_that_was_made_again_is_in_the_table(ended):
    crashes = tuple(StartCrashRecord(attempt=number, reason="Caught signal 11") for number in (1, 2))

    assert dict(outcome.rows(ended.model_copy(update={"start_crashes": crashes})))["started again"] == "2 x, after Caught signal 11"


def test_what_is_not_known_is_said_to_be_unknown(planned):
    rows = dict(outcome.rows(RunRecord.of(planned, {})))

    assert [rows["nodes"], rows["MPI ranks"], rows["NEST inside"]] == ["unknown"] * 3


@pytest.fixture
def failed(planned):
    return RunRecord.of(planned, {}).with_state(JobState("FAILED", "non-zero exit code", 7, ("first", "last")))


def test_a_scripts_traceback_and_exit_code_reach_the_user(failed, tmp_path):
    (tmp_path / "stderr").write_text("Traceback\nValueError: no such population\n")

    assert outcome.failure(failed, tmp_path) == (
        f"run run-1 did not succeed (FAILED, exit code 7: non-zero exit code); its files are in {tmp_path}\n"
        "Traceback\nValueError: no such population"
    )


def test_a_module_that_is_not_there_is_named_with_what_brings_it(failed, tmp_path):
    (tmp_path / "stderr").write_text("Traceback\nModuleNotFoundError: No module named 'matplotlib.pyplot'\n")

    told = outcome.failure(failed, tmp_path)

    assert told.endswith(
        "Python found no module matplotlib: send your own module with `--input matplotlib.py`; "
        "add a package that the image lacks with `--requirements FILE`"
    )


@pytest.mark.parametrize("place", [".UNICORE_PRE_0/stderr", "esd/failure.txt"])
def test_a_failed_pull_reaches_the_user(failed, tmp_path, place):
    (tmp_path / place).parent.mkdir()
    (tmp_path / place).write_text("wrong digest\n")
    (tmp_path / "stderr").touch()

    assert outcome.reason(failed, tmp_path) == "wrong digest"


def test_a_time_limit_says_what_to_do(failed, tmp_path):
    late = failed.model_copy(update={"ending": EndingRecord(kind="time limit", because="batch system: TIMEOUT")})

    assert "how it ended: time limit of 00:10:00 (batch system: TIMEOUT); request more time with --time" in outcome.failure(late, tmp_path)


def test_without_any_file_the_sites_log_is_the_reason(failed, tmp_path):
    assert outcome.reason(failed, tmp_path) == "first\nlast"


def test_of_a_long_standard_error_the_last_lines_are_shown_and_the_size_told(planned, tmp_path):
    with (tmp_path / "stderr").open("w") as file:
        file.writelines("x" * 99 + "\n" for _ in range(50_000))
        file.write("the last word\n")

    shown = outcome.reason(RunRecord.of(planned, {}), tmp_path)

    assert (shown.endswith("the last word"), "the last lines of 5 MB" in shown, len(shown) < 3000) == (True, True, True)
