"""A record or a job from elsewhere that is run again, taken up, cancelled or deleted: what it names is checked each time."""

import json

import pytest
from tests.esd_deploy.conftest import JOB, FakeBackend, FakeConnection
from tests.hostile.test_records import ENDPOINT

from esd_build.data.errors import ToolError, UsageError
from esd_deploy.backends.connection import GoneError, JobState
from esd_deploy.plans.job import TRAVELLING
from esd_deploy.records import record
from esd_deploy.records.record import FileRecord, RunRecord
from esd_deploy.records.record_parts import StateRecord
from esd_deploy.runs import rerun
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.studies import crate, drift


@pytest.fixture(autouse=True)
def state_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("ESD_STATE_DIR", str(tmp_path / "state"))


def changed(run, place: tuple[str, ...], value: object) -> None:
    """The record on disk, with one value of it replaced."""
    document = json.loads((run.folder / "run.json").read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (run.folder / "run.json").write_text(json.dumps(document))


ORDERS = {
    ("image", "sif_digest"): ("sha256:../../thesis", "a'; id; '", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "$(id)"),
    ("image", "digest"): ("$(id)", "sha256:", "a\nb"),
    ("image", "reference"): (
        "r.example.org/x@$(id)",
        "r.example.org/x:edge; id",
        "nest",
        "r.example.org/x\n:edge",
        "u:p@r.example.org/x:1",
    ),
    ("image", "size"): (-1, "1; id", 1e300),
    ("shape", "nodes"): (0, -5, "$(id)"),
    ("shape", "threads"): (0, "1\n#SBATCH --wrap=id"),
    ("shape", "tasks_per_node"): (-1,),
}


@pytest.mark.parametrize(("place", "value"), [(place, value) for place, values in ORDERS.items() for value in values])
def test_a_record_whose_values_would_be_more_than_values_is_not_loaded(run, place, value):
    changed(run, place, value)
    with pytest.raises(ToolError, match="damaged"):
        record.load(run.folder.parent, run.id)


@pytest.mark.parametrize("key", ["partition", "account"])
@pytest.mark.parametrize("word", ["batch\n#SBATCH --wrap=id", "$(id)", "-x", "a b", ""])
def test_a_record_names_no_partition_that_is_more_than_a_name(run, config, key, word):
    changed(run, ("shape", key), word)
    known = record.load(run.folder.parent, run.id)
    with pytest.raises(UsageError, match=key):
        rerun.plan(known, run.folder, config)


@pytest.mark.parametrize("name", ["LD_PRELOAD;id", "ESD_IMAGE_SHA256", "PATH", "BASH_ENV", "A\nB"])
def test_a_record_sets_no_variable_that_a_user_may_not(run, config, name):
    changed(run, ("environment",), {name: "x"})
    with pytest.raises(UsageError, match="variable"):
        rerun.plan(record.load(run.folder.parent, run.id), run.folder, config)


def adopted(connection: FakeConnection, config, image, tmp_path, **changes):
    document = {**json.loads(connection.uploaded[TRAVELLING]), **changes}
    connection.results[TRAVELLING] = json.dumps(document).encode()
    site = Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)
    return rerun.adopt(site, JOB, runs=tmp_path / "there")


def test_files_that_fit_each_and_not_together_are_not_taken_up(remote, config, image, tmp_path, monkeypatch):
    monkeypatch.setattr(rerun, "_OURS_BYTES", 100_000)
    small = config.model_copy(update={"limits": config.limits.model_copy(update={"input_mb": 1})})
    names = [f"part{number}" for number in range(5)]
    remote.uploaded |= dict.fromkeys(names, b"x" * 400_000)
    remote.results[TRAVELLING] = b"{}"
    with pytest.raises(ToolError, match="exceed what the site accepts"):
        adopted(remote, small, image, tmp_path, staged=["net.py", *names])
    assert sum(path.stat().st_size for path in (tmp_path / "there").rglob("*") if path.is_file()) <= 1_600_000


@pytest.mark.parametrize("staged", [["a", "a/b"], ["a/b", "a"]])
def test_a_file_that_is_a_folder_too_is_one_error(remote, config, image, tmp_path, staged):
    remote.uploaded |= {"a": b"1", "a/b": b"2"}
    with pytest.raises(ToolError, match="was not taken over"):
        adopted(remote, config, image, tmp_path, staged=staged)


@pytest.mark.parametrize("act", ["delete", "cancel"])
@pytest.mark.parametrize("tags", [frozenset(), frozenset({"run-2"}), frozenset({"run-1x"})])
def test_a_record_ends_and_removes_no_other_job(run, connection, act, tags):
    """A folder of a run from elsewhere, whose record names one of the caller's own jobs."""
    known = run.record.with_job(JOB)
    known.save(run.folder)
    connection.states = [JobState("RUNNING", tags=tags)]
    connection.begun.add(JOB)
    with pytest.raises(UsageError, match="not the job of run"):
        getattr(Run(known, run.folder, connection, poll_s=1, sleep=lambda _s: None), act)()
    assert (connection.deleted, connection.aborted) == ([], 0)


def test_a_job_that_is_gone_is_deleted_as_before(run, connection):
    known = run.record.with_job(JOB)

    def gone(_job):
        raise GoneError("no such job")

    connection.state = gone
    Run(known, run.folder, connection, poll_s=1, sleep=lambda _s: None).delete()
    assert connection.deleted == [JOB]


def ended(run, *files: str) -> RunRecord:
    """The run's record after its end, with these results."""
    for name in files:
        (run.folder / name).write_text("evil")
    results = tuple(FileRecord(path=name, size=4, sha256="0" * 64) for name in files)
    done = StateRecord(status="SUCCESSFUL", time=run.record.states[0].time)
    return run.record.model_copy(update={"status": "SUCCESSFUL", "exit_code": 0, "files": results, "states": (*run.record.states, done)})


def test_a_result_does_not_take_the_place_of_what_a_crate_says_of_itself(run, tmp_path):
    known = ended(run, "ro-crate-metadata.json", "ro-crate-preview.html", "out.txt")
    crate.write(known, run.folder, tmp_path / "crate")
    told = json.loads((tmp_path / "crate" / "ro-crate-metadata.json").read_text())
    assert any(one["@id"] == f"#run-{run.id}" for one in told["@graph"])
    assert (tmp_path / "crate" / "out.txt").read_text() == "evil"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"hash": [1]}', "[]", '{"hash": "x", "rate_hz": 1e999}', "\xff", '{"hash": ' + "9" * 5000 + "}"]
)
def test_what_the_probe_of_drift_writes_wrongly_is_a_problem_of_that_stack(run, text):
    (run.folder / "drift.json").write_bytes(text.encode("latin-1"))
    known = ended(run).model_copy(update={"versions": {"NEST": "3.10"}})
    assert "no drift.json" in drift.stack(known, run.folder).problem


def test_what_the_probe_of_drift_leaves_is_read_by_no_link(run, tmp_path):
    (tmp_path / "secret").write_text('{"hash": "x"}')
    (run.folder / "drift.json").symlink_to(tmp_path / "secret")
    known = ended(run).model_copy(update={"versions": {"NEST": "3.10"}})
    assert "is a link" in drift.stack(known, run.folder).problem
