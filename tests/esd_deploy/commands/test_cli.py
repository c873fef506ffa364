import errno
import json
from pathlib import Path

import pytest
from tests.esd_deploy.conftest import DATA, prepared

from esd_deploy.backends.connection import JobState
from esd_deploy.cli import main
from esd_deploy.commands.follow import cancel, logs
from esd_deploy.commands.shared.running import with_default_image
from esd_deploy.plans.request import Request
from esd_deploy.records.record import FileRecord, RunRecord
from esd_deploy.runs.run import Run
from esd_deploy.sites.catalogue import Catalogue


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


def test_a_full_disk_is_one_message_wherever_it_is_met(capsys, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device", "/full/runs")

    monkeypatch.setattr(Catalogue, "find", full)

    assert call(capsys, "sites") == (4, "", "esd-deploy: the disk is full (/full/runs): make room, then start again\n")


def test_a_deleted_current_folder_is_one_message(capsys, monkeypatch, tmp_path):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()

    assert call(capsys, "sites") == (3, "", "esd-deploy: the current folder was deleted; change into another folder\n")


@pytest.mark.parametrize(
    "arguments", [("run", "--bla"), ("bla",), ("validate", "--site", "local"), ("drift",), ("report", "--image", "nest")]
)
def test_a_wrong_call_is_not_taken_for_a_wrong_file(capsys, arguments):
    assert call(capsys, *arguments)[0] == 3


@pytest.mark.parametrize("time", ["ten", "0", "1:61:00"])
def test_a_run_time_that_is_none_is_refused(capsys, time):
    code, _, err = call(capsys, "run", "net.py", "--site", "local", "--time", time)

    assert (code, "expected seconds (600), MM:SS" in err) == (3, True)


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


def known_run(planned, folder, **changes):
    """A record in `folder`, as a run leaves it."""
    known = RunRecord.of(planned, {}).model_copy(update=changes)
    known.save(folder / known.id)
    return known


def test_one_run_is_shown_with_its_files(capsys, planned, tmp_path):
    known_run(planned, tmp_path, files=(FileRecord(path="spikes.dat", size=1234, sha256="0" * 64),))

    code, out, _ = call(capsys, "show", "run-1", "--output", tmp_path)

    assert code == 0
    assert "1,234  spikes.dat" in out
    assert json.loads(call(capsys, "show", "run-1", "--output", tmp_path, "--json")[1])["id"] == "run-1"


@pytest.fixture
def live_run(planned, tmp_path, connection, monkeypatch):
    """A run that was submitted to a site in memory."""
    run = Run(prepared(planned, tmp_path / "run-1"), tmp_path / "run-1", connection, poll_s=1, sleep=lambda _s: None)
    run.submit()
    for module in (logs, cancel):
        monkeypatch.setattr(module, "known_run", lambda *_, **__: run)
    monkeypatch.setattr("time.sleep", lambda _s: None)
    return run


def test_a_log_is_followed_to_the_end_without_repeating(capsysbinary, live_run, connection, tmp_path, monkeypatch):
    connection.results["stdout"] = b"step 1\n"
    monkeypatch.setattr("time.sleep", lambda _s: connection.results.update(stdout=connection.results["stdout"] + b"more\n"))

    with pytest.raises(SystemExit) as ended:
        main(["logs", "run-1", "-f", "--output", str(tmp_path)])

    assert (ended.value.code, capsysbinary.readouterr().out) == (0, b"step 1\nmore\nmore\n")
    assert connection.offsets == [0, 6, 11]  # never behind the end, which a server refuses


def test_a_log_of_what_has_not_spoken_is_empty(capsys, live_run, tmp_path):
    assert call(capsys, "logs", "run-1", "--stderr", "--output", tmp_path)[:2] == (0, "")


def test_cancel_says_what_it_did(capsys, live_run, connection, tmp_path):
    connection.states[:] = [JobState("RUNNING"), JobState("FAILED")]

    assert "run-1: cancelled at valid (was RUNNING, is FAILED)" in call(capsys, "cancel", "run-1", "--output", tmp_path)[1]
    assert call(capsys, "cancel", "run-1", "--output", tmp_path)[1] == "run-1: had ended already (FAILED); nothing to do\n"
    assert connection.aborted == 1


def test_the_checks_as_json(capsys):
    told = json.loads(call(capsys, "checks", "--json")[1])

    assert {"name": "nodes", "title": "enough nodes are up", "quick": True, "on_request": False, "tags": ["site", "slurm"]} in told


@pytest.mark.parametrize(
    ("kind", "asked", "image"),
    [
        ("unicore", {}, "registry.example.org/esd/nest:1"),
        ("unicore", {"image": "nest"}, "nest"),
        ("unicore", {"mode": "module"}, None),
        ("unicore", {"mode": "container"}, "registry.example.org/esd/nest:1"),
        ("nmpi", {}, None),
    ],
)
def test_the_default_image_is_for_runs_that_could_have_one(config, monkeypatch, kind, asked, image):
    monkeypatch.setenv("EBRAINS_ESD_IMAGE", "registry.example.org/esd/nest:1")
    request = Request(Path("net.py"), **asked)

    assert with_default_image(request, config.model_copy(update={"kind": kind})).image == image
