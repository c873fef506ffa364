"""What is wrong on this machine is told before anybody else is asked: the site of these tests is down."""

import errno
import os
from pathlib import Path

import pytest
from tests.esd_deploy.commands.test_cli import call

from esd_build import signing
from esd_build.data.errors import UsageError
from esd_deploy.plans.request import Request
from esd_deploy.preflight import local_checks
from esd_deploy.records.record import RunRecord
from esd_deploy.sites.catalogue import load_site


@pytest.fixture
def down(tmp_path):
    """A local site that is not up."""
    path = tmp_path / "down.yaml"
    lines = ("kind: unicore", "description: x", f"status_file: {tmp_path}/none.json", "mpi: pmix", "limits: {nodes: 2, time_s: 60}")
    path.write_text("\n".join(lines))
    return path


# What is wrong → the options, with {here} for the test's folder; and what must be said.
WRONG = {
    "script that is missing": (("{here}/none.py",), "script {here}/none.py: No such file"),
    "script of zero bytes": (("{here}/empty.py",), "is empty: there is nothing to run"),
    "folder without a program": (("{here}",), "{here} has no run.py at its top"),
    "input that is missing": (("{here}/net.py", "--input", "{here}/none.csv"), "input {here}/none.csv: No such file"),
    "input that hides the script": (("{here}/sub/net.py", "--input", "{here}/net.py"), "need distinct names"),
    "too many nodes": (("{here}/net.py", "--nodes", "3"), "3 nodes asked for"),
    "too long": (("{here}/net.py", "--time", "61"), "a job gets at most 00:01:00"),
    "time that is none": (("{here}/net.py", "--time", "soon"), "expected seconds (600)"),
    "unknown mode": (("{here}/net.py", "--mode", "modul"), "did you mean 'module'?"),
    "image against the mode": (("{here}/net.py", "--mode", "module"), "--mode module: leave out --image"),
    "folder of runs that is a file": (("{here}/net.py", "--output", "{here}/net.py/runs"), "net.py is a file; runs need a folder"),
    "list of packages that is missing": (("{here}/net.py", "--requirements", "{here}/none.txt"), "{here}/none.txt: no such file"),
    "model that is missing": (("{here}/net.py", "--model", "{here}/none.nestml"), "none.nestml: No such file"),
    "model that is no NESTML": (("{here}/net.py", "--model", "{here}/net.py"), "must end with .nestml"),
    "no trusted key": (("{here}/net.py", "--require-signature"), "no trusted key"),
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    for name in ("net.py", "sub/net.py"):
        (tmp_path / name).write_text("pass\n")
    (tmp_path / "empty.py").touch()
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(tmp_path / "no-keys"))
    return tmp_path


@pytest.mark.parametrize("command", ["run", "submit"])
@pytest.mark.parametrize("wrong", WRONG)
def test_a_mistake_here_does_not_hide_behind_a_site_that_is_down(capsys, down, here, command, wrong):
    options, message = WRONG[wrong]
    image = ("--image", "nest")

    code, _, err = call(capsys, command, *(text.format(here=here) for text in options), "--site", down, *image)

    assert (code, message.format(here=here) in err) == (3, True), err


def test_a_missing_script_is_told_before_what_the_site_could_do_with_it(capsys, down, here):
    code, _, err = call(capsys, "run", here / "none.py", "--site", down)

    assert (code, "none.py: No such file" in err, "modules" in err) == (3, True, False), err


def test_an_unknown_image_is_told_before_the_site_is_asked(capsys, down, here):
    code, _, err = call(capsys, "run", here / "net.py", "--site", down, "--image", "nset")

    assert (code, "did you mean 'nest'?" in err) == (3, True), err


@pytest.mark.parametrize("command", ["run", "submit", "script"])
def test_where_all_is_right_here_the_site_is_asked(capsys, down, here, command):
    code, _, err = call(capsys, command, here / "net.py", "--site", down, "--image", "nest")

    assert (code, "esd-deploy local up" in err) == (4, True), err


def test_what_is_no_batch_job_has_no_batch_script(capsys, down, here):
    code, _, err = call(capsys, "script", here / "net.py", "--site", down, "--mode", "login", "--", "a b")

    assert (code, "is not a batch job; run `python3 net.py 'a b'`" in err) == (3, True), err


def test_a_rerun_looks_at_its_files_before_the_site_is_asked(capsys, down, planned, tmp_path):
    RunRecord.of(planned, {}).save(tmp_path / "runs" / "run-1")

    code, _, err = call(capsys, "rerun", "run-1", "--site", down, "--output", tmp_path / "runs")

    assert (code, "the run cannot be repeated without this file" in err) == (4, True), err


def test_a_folder_that_is_not_there_yet_is_right(tmp_path):
    local_checks.require_folder(tmp_path / "a" / "b")

    assert not (tmp_path / "a").exists()


def test_a_folder_of_runs_behind_one_that_may_not_be_entered_is_told(tmp_path, monkeypatch):
    closed = tmp_path / "closed"
    closed.mkdir()
    monkeypatch.setattr(Path, "exists", lambda self: closed not in self.parents or _refused(self))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != closed)

    with pytest.raises(UsageError, match=f"you cannot write to {closed}"):
        local_checks.require_folder(closed / "x" / "runs")


def _refused(path):
    raise PermissionError(errno.EACCES, "Permission denied", str(path))


def test_a_key_is_enough_to_begin_with(config, script, tmp_path, monkeypatch):
    monkeypatch.setenv("COSIGN_PASSWORD", "x")
    monkeypatch.setenv("ESD_TRUSTED_KEYS", str(signing.new_key_pair(tmp_path / "maintainer")))

    local_checks.checked(Request(script, image="nest"), config, signed=True)
    with pytest.raises(UsageError, match="without --image"):
        local_checks.checked(Request(script), config, signed=True)


@pytest.mark.parametrize(("site", "refused"), [("brainscales2", True), ("spinnaker", False), ("jusuf", False)])
def test_a_model_goes_only_where_nestml_writes_code(script, site, refused):
    config, _ = load_site(site)
    model = Path(__file__).parents[3] / "models" / "lif_exp.nestml"
    asked = Request(script, image=None if config.nmpi else "nest")
    if refused:
        with pytest.raises(UsageError, match=r"--model .*platform BrainScaleS-2"):
            local_checks.checked(asked, config, model=model)
    else:
        local_checks.checked(asked, config, model=model)


def test_a_dry_run_for_brainscales_says_what_the_machine_has(script, monkeypatch, capsys):
    monkeypatch.setenv("EBRAINS_TOKEN", "x")
    code, printed, told = call(capsys, "run", script, "--site", "brainscales2", "--account", "my-collab", "--dry-run")
    assert (code, '"hardware_platform": "BrainScaleS-2"' in printed) == (0, True)
    assert "BrainScaleS-2: at most 512 neurons in a network; runs 1,000 times faster than biological time" in told
