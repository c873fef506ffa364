import json

import pytest
from tests.esd_deploy.conftest import DATA

from esd_deploy.backends.connection import JobState
from esd_deploy.cli import main
from esd_deploy.runs.record import RunRecord


def call(capsys, *arguments):
    """Exit code, standard output and standard error of one call."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code, *capsys.readouterr()


FAULTS = {
    2: ("run", "net.py", "--site", DATA / "unknown-key.yaml"),
    3: ("run", "net.py", "--site", "nowhere"),
}


@pytest.mark.parametrize("code", FAULTS)
def test_errors_are_one_message_and_an_exit_code(capsys, code):
    found, out, err = call(capsys, *FAULTS[code])

    assert (found, out) == (code, "")
    assert err.startswith("esd-deploy: ")


@pytest.mark.parametrize(
    "arguments", [("run", "--bla"), ("bla",), ("validate", "--site", "local"), ("drift",), ("report", "--image", "nest")]
)
def test_a_wrong_call_is_not_taken_for_a_wrong_file(capsys, arguments):
    assert call(capsys, *arguments)[0] == 3


@pytest.mark.parametrize("time", ["ten", "0", "10:00", "1:61:00"])
def test_a_run_time_that_is_none_is_refused(capsys, time):
    code, _, err = call(capsys, "run", "net.py", "--site", "local", "--time", time)

    assert (code, "expected seconds or HH:MM:SS" in err) == (3, True)


def test_a_sites_settings_come_with_their_source(capsys):
    code, out, _ = call(capsys, "site", DATA / "valid.yaml", "--json")
    found = json.loads(out)

    assert code == 0
    assert found["mpi"] == {"value": "pspmix", "source": str(DATA / "valid.yaml")}
    assert found["scratch"] == {"value": "SCRATCH", "source": "default"}


def test_runs_are_listed_as_last_seen(capsys, planned, tmp_path):
    RunRecord.of(planned, {}).with_state(JobState("RUNNING")).save(tmp_path / "run-1")

    _, out, _ = call(capsys, "list", "--output", tmp_path, "--json")

    assert [(run["id"], run["status"]) for run in json.loads(out)] == [("run-1", "RUNNING")]
