"""Post-processing on the login node: what is asked, planned, described, and recorded."""

from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import prepared

from esd_build.data.errors import UsageError
from esd_deploy.backends.connection import JobState
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.plans import run_job
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.request import Request
from esd_deploy.records import outcome, sameness
from esd_deploy.records.record import RunRecord
from esd_deploy.runs import rerun
from esd_deploy.runs.run import Run


@pytest.fixture
def plot(tmp_path):
    path = tmp_path / "plot.py"
    path.write_text("print('plot')\n")
    return path


@pytest.fixture
def with_post(config, image, script, plot):
    return Request(script, image="nest", shape=Shape(2), post=plot).checked(config).plan(image, "run-1")


def test_the_script_goes_along_and_runs_in_the_image_on_the_login_node(with_post):
    spec = run_job.spec(with_post)
    job = unicore_job.description(spec).document()
    assert job["User postcommand"] == "bash esd/enter.sh esd/post.sh"
    assert job["RunUserPostcommandOnLoginNode"] == "true"
    files = dict(spec.files)
    assert {"plot.py", "esd/post.sh"} <= files.keys()
    line = next(line for line in files["esd/launch.sh"].decode().splitlines() if "plot.py" in line)
    assert line.split()[:2] == ["singularity", "exec"]
    assert line.endswith("esd/image.sif python3 plot.py")
    assert "--sharens" not in line


def test_a_run_without_it_is_as_before(planned):
    job = unicore_job.description(run_job.spec(planned)).document()
    assert not {"User postcommand", "RunUserPostcommandOnLoginNode"} & job.keys()
    assert "post" not in run_job.spec(planned).files


def test_where_the_job_calls_sbatch_it_runs_the_script_itself(with_post):
    by_hand = replace(with_post, site=with_post.site.model_copy(update={"submit": "sbatch"}))
    assert "User postcommand" not in unicore_job.description(run_job.spec(by_hand)).document()
    assert "esd/post.sh" in unicore_job.files(run_job.spec(by_hand))


def test_a_shell_script_is_read_by_bash(config, image, script, tmp_path):
    shell = tmp_path / "pack.sh"
    shell.write_text("tar c .\n")
    plan = Request(script, image="nest", post=shell).checked(config).plan(image, "run-1")
    assert "esd/image.sif bash pack.sh\n" in dict(run_job.spec(plan).files)["esd/launch.sh"].decode()


@pytest.mark.parametrize(
    ("name", "text", "login_node", "said"),
    [
        ("plot.R", "plot(1)", True, "expected a Python script"),
        ("plot.py", "", True, "is empty"),
        ("gone.py", None, True, "No such file"),
        ("plot.py", "print()", False, "runs nothing on a login node"),
    ],
)
def test_what_cannot_be_done_is_refused(config, script, tmp_path, name, text, login_node, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    place = config.model_copy(update={"login_node": login_node, "modules": ("EBRAINS/24.10",)})
    with pytest.raises(UsageError, match=said):
        Request(script, mode="module", post=tmp_path / name).checked(place)


@pytest.mark.parametrize(
    ("report", "kind", "good"),
    [
        (b'{"host": "login1", "exit_code": 0, "seconds": 1}', "succeeded", True),
        (b'{"host": "login1", "exit_code": 3, "seconds": 1}', "post-processing failed", False),
        (None, "post-processing failed", False),
    ],
)
def test_its_end_is_in_the_record_and_a_failure_is_the_runs(with_post, tmp_path, connection, report, kind, good):
    connection.results = {"esd/post.stderr": b"no such spikes\n", **({} if report is None else {"esd/post.json": report})}
    folder = tmp_path / "runs" / "run-1"
    run = Run(prepared(with_post, folder), folder, connection, poll_s=0.001, sleep=lambda _seconds: None)
    run.submit()

    ended = run.wait()

    assert (ended.exit_code, ended.ending.kind, ended.succeeded) == (0, kind, good)
    assert ended.post.script == "plot.py"
    told = dict(outcome.rows(ended))["post-processing"]
    assert told == ("plot.py: did not run" if report is None else f"plot.py, exit code {ended.post.exit_code}, on login1")
    if not good:
        told = outcome.failure(ended, folder)
        how = "did not run: the site ran no postcommand" if report is None else "exit code 3"
        assert f"the program ended with 0, plot.py: {how}); the program's results are kept: the script can be run on them again" in told
        assert told.endswith("no such spikes")


def test_a_script_that_fails_and_prints_nothing_is_told_as_such(with_post, tmp_path, connection):
    connection.results = {"esd/post.stderr": b"", "esd/post.stdout": b"", "esd/post.json": b'{"host": "a", "exit_code": 1, "seconds": 1}'}
    folder = tmp_path / "runs" / "run-1"
    run = Run(prepared(with_post, folder), folder, connection, poll_s=0.001, sleep=lambda _seconds: None)
    run.submit()

    assert outcome.failure(run.wait(), folder).endswith("the script printed nothing")


def test_a_failed_program_is_not_blamed_on_it(with_post, tmp_path, connection):
    connection.states = [JobState("FAILED", exit_code=7)]
    folder = tmp_path / "runs" / "run-1"
    run = Run(prepared(with_post, folder), folder, connection, poll_s=0.001, sleep=lambda _seconds: None)
    run.submit()

    assert run.wait().ending.kind == "failed"


def test_a_second_run_of_it_does_the_same(with_post, tmp_path, config):
    known = prepared(with_post, tmp_path / "run-1")
    again = rerun.plan(RunRecord.model_validate_json(known.model_dump_json()), tmp_path / "run-1", config)
    assert (again.post, sameness.of_plan(again)) == ("plot.py", sameness.of_record(known))


@pytest.mark.parametrize("name", ["other.py", "net.py; rm -rf ~"])
def test_a_record_cannot_name_something_else(with_post, tmp_path, config, name):
    known = prepared(with_post, tmp_path / "run-1")
    changed = known.model_copy(update={"post": known.post.model_copy(update={"script": name})})
    with pytest.raises(UsageError, match="no script that went along"):
        rerun.plan(changed, tmp_path / "run-1", config)
