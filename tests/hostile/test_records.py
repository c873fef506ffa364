"""A record that others could write: it names no file outside of its run, no server and no secret, and overwrites nothing."""

import json
from dataclasses import replace

import pytest
from tenacity import Retrying, stop_after_attempt
from tests.esd_deploy.conftest import JOB, FakeBackend, FakeConnection, prepared

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_deploy.backends.connection import JobState, RemoteFile
from esd_deploy.commands.shared import running
from esd_deploy.plans import paths
from esd_deploy.plans.job import TRAVELLING
from esd_deploy.records import record, reports
from esd_deploy.records.record import FileRecord, RunRecord
from esd_deploy.runs import rerun, results
from esd_deploy.runs.site import Site
from esd_deploy.several import fleet
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_deploy.studies import crate

ENDPOINT = Endpoint("https://unicore.example.org:8080/EXAMPLE/rest/core", "registry.example.org", None, Credentials("x", "esd"), "")
IMPATIENT = Retrying(stop=stop_after_attempt(1), reraise=True)
LEADING_OUT = (
    "../id_ed25519",
    "/etc/passwd",
    "a/../../b",
    "./run.json",
    "",
    ".",
    "a//b",
    "a/./b",
    "a\0b",
    "\ud800",
    "x" * 300,
    "a/" * 800 + "b",
)


@pytest.fixture(autouse=True)
def state_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("ESD_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def place(config, image):
    return lambda connection: Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)


@pytest.mark.parametrize("path", LEADING_OUT)
@pytest.mark.parametrize("key", ["staged", "files", "inputs", "script"])
def test_a_record_with_a_path_that_leads_out_is_not_loaded(run, key, path):
    document = json.loads((run.folder / "run.json").read_text())
    hashed = {"path": path, "size": 1, "sha256": "0" * 64}
    changed = {"staged": {"staged": [path]}, "files": {"files": [hashed]}}
    script = {**document["script"], **({"name": path} if key == "script" else {"inputs": {path: "0" * 64}})}
    (run.folder / "run.json").write_text(json.dumps({**document, **changed.get(key, {"script": script})}))

    with pytest.raises(ToolError, match="damaged"):
        record.load(run.folder.parent, run.id)


@pytest.mark.parametrize("name", ["./run.json", "run.json", "RUN.JSON", "esd/../run.json", ".lock", ".//run.json", ".run.json.1.part"])
def test_a_site_cannot_replace_the_record(run, tmp_path, name):
    before = (run.folder / "run.json").read_bytes()
    connection = FakeConnection(results={name: b"{}"})

    fetched = results.fetch(connection, JOB, run.folder, run.record.staged, IMPATIENT)

    assert (run.folder / "run.json").read_bytes() == before
    assert {one.path for one in fetched.files} <= {f"{name}.result"}
    assert not (run.folder / ".run.json.1.part").exists()


@pytest.mark.parametrize("name", ["./net.py", "net.py", ".//esd/job.sh", "esd//pull.sh"])
def test_a_site_cannot_replace_what_was_sent_there(run, name):
    before = {path: (run.folder / path).read_bytes() for path in run.record.staged}
    results.fetch(FakeConnection(results={name: b"evil"}), JOB, run.folder, run.record.staged, IMPATIENT)
    assert {path: (run.folder / path).read_bytes() for path in run.record.staged} == before


def test_nothing_is_sent_through_a_link(run, tmp_path, connection):
    secret = tmp_path / "id_ed25519"
    secret.write_text("PRIVATE KEY")
    (run.folder / "net.py").unlink()
    (run.folder / "net.py").symlink_to(secret)

    with pytest.raises(ToolError, match="is a link"):
        run.submit()
    assert b"PRIVATE KEY" not in connection.uploaded.values()


def test_nothing_is_packed_or_run_again_through_a_link(run, tmp_path, config):
    (run.folder / "out").symlink_to("/etc/passwd")
    ended = run.record.model_copy(
        update={"status": "SUCCESSFUL", "exit_code": 0, "files": (FileRecord(path="out", size=1, sha256="0" * 64),)}
    )
    with pytest.raises(ToolError, match="is a link"):
        crate.build(ended, run.folder)
    (run.folder / "net.py").rename(tmp_path / "net.py")
    (run.folder / "net.py").symlink_to(tmp_path / "net.py")
    with pytest.raises(ToolError, match="is a link"):
        rerun.plan(ended, run.folder, config)


def test_a_site_file_that_the_user_never_named_is_not_read(run, tmp_path, monkeypatch):
    """`list --refresh` over a folder of runs that came from elsewhere."""
    evil = tmp_path / "evil.yaml"
    evil.write_text("kind: unicore\ncredentials: {token_env: AWS_SECRET_ACCESS_KEY}\n")
    run.record.with_job(JOB).model_copy(update={"site_file": evil}).save(run.folder)
    loaded = []

    (told,) = fleet.refresh(run.folder.parent, load=loaded.append)

    assert loaded == []
    assert "you have not used here" in told.problem
    with pytest.raises(UsageError, match="you have not used here"):
        running.known_run(run.id, run.folder.parent, None, None)


@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_a_site_file_of_ones_own_counts_while_nobody_else_can_change_it(planned, tmp_path, mode):
    own = tmp_path / "mine.yaml"
    own.touch()
    own.chmod(mode)
    site = planned.site.model_copy(update={"file": own})
    known = prepared(replace(planned, site=site), tmp_path / "runs" / planned.run_id).with_job(JOB)
    known.save(tmp_path / "runs" / planned.run_id)
    loaded = []

    (told,) = fleet.refresh(tmp_path / "runs", load=lambda name: loaded.append(name) or (_ for _ in ()).throw(ToolError("asked")))

    assert (loaded, told.problem.partition(";")[0]) == (
        ([str(own)], "asked") if mode == 0o600 else ([], f"{own} is a site file that others can write to")
    )


def adopted(place, connection, tmp_path, name=JOB, **changes):
    """What another machine makes of a record that the job's program has changed."""
    document = {**json.loads(connection.uploaded[TRAVELLING]), **changes}
    connection.results[TRAVELLING] = json.dumps(document).encode()
    return rerun.adopt(place(connection), name, runs=tmp_path / "there")


def test_what_a_remote_record_says_of_us_is_not_taken(place, remote, tmp_path):
    run = adopted(place, remote, tmp_path, site="elsewhere", site_file="/tmp/evil.yaml", status="SUCCESSFUL", exit_code=0, metrics={"x": 1})

    known = run.record
    assert (known.site, known.site_file, known.job.url, known.status) == ("valid", None, JOB, "PREPARED")
    assert (known.exit_code, known.metrics, known.files) == (None, {}, ())


def test_a_remote_record_cannot_take_the_place_of_another_run(place, remote, tmp_path, planned):
    mine = tmp_path / "there" / "run-1"
    mine.mkdir(parents=True)
    (mine / "run.json").write_text("mine")
    with pytest.raises(UsageError, match="already exists"):
        adopted(place, remote, tmp_path)
    with pytest.raises(ToolError, match="of another run"):
        adopted(place, remote, tmp_path, id="run-2")
    assert (mine / "run.json").read_text() == "mine"
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["run-1"]


@pytest.mark.parametrize("staged", [["../../.ssh/id_ed25519"], ["run.json"], [".lock"], ["/etc/passwd"], ["net.py"] * 10_001])
def test_a_remote_record_makes_us_read_and_send_nothing(place, remote, tmp_path, staged):
    remote.uploaded |= {"run.json": b"evil", ".lock": b"evil"}
    with pytest.raises(ToolError):
        adopted(place, remote, tmp_path, staged=staged)
    assert not list((tmp_path / "there").rglob("run.json"))


def test_a_record_in_the_folder_of_another_run_is_told(run):
    run.folder.rename(run.folder.with_name("run-2"))
    with pytest.raises(ToolError, match="is the record of run 'run-1'"):
        record.own(run.folder.parent, "run-2")


POISON = {
    "metrics.json": [
        '{"x": 1e999}',
        '{"x": NaN}',
        "[" * 10_000,
        '{"x": ' + "9" * 5000 + "}",
        "[1]",
        '{"x": "\\ud800"}',
        "\xff",
        '{"x": {}}',
    ],
    "esd/wireup.json": ['{"size": {"a": 1}}', '{"size": "x"}', '{"hosts": {"a": 1}}', '{"hosts": 3}', "[]", '{"size": 1e400}'],
    "esd/versions.json": ['{"NEST": ["3"]}', "null", '"x"'],
    "esd/pull.json": ['{"host": 1}', '{"host": "a", "downloaded": true, "seconds": 1e99}'],
}


@pytest.mark.parametrize(("path", "text"), [(path, text) for path, texts in POISON.items() for text in texts])
def test_what_a_job_reports_wrongly_is_one_warning_and_nothing_of_it_is_in_the_record(run, path, text):
    (run.folder / path).write_bytes(text.encode("latin-1"))

    found = reports.understood(run.record, run.folder)

    assert [warning.startswith(path) for warning in found.warnings] == [True]
    assert (found.metrics, found.versions, found.pull, found.ranks) == ({}, {}, None, None)
    found.save(run.folder)
    assert record.load(run.folder.parent, run.id) == found


def test_what_could_not_be_loaded_again_is_not_saved(run):
    before = (run.folder / "run.json").read_bytes()
    for poison in ({"metrics": {"x": float("inf")}}, {"message": "\ud800"}, {"ranks": {"a": 1}}, {"status": 3}):
        with pytest.raises((ToolError, TypeError)):
            run.record.model_copy(update=poison).save(run.folder)
    assert (run.folder / "run.json").read_bytes() == before


def test_a_path_is_in_its_shortest_form_and_below(tmp_path):
    for path in LEADING_OUT:
        with pytest.raises(EsdError):
            paths.inside(tmp_path, path)
    assert paths.inside(tmp_path, "a/b c/größe") == tmp_path / "a/b c/größe"
    assert paths.shortest("./a//b/./c") == "a/b/c"


def test_a_pipe_or_too_much_is_not_read(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)
    for path in ("pipe", "large"):
        with pytest.raises(ToolError):
            paths.read(tmp_path, path, 10)


def test_a_listing_may_claim_any_size(run):
    connection = FakeConnection(results={"a": b"x"})
    connection.files = lambda _job: [RemoteFile("a", None), RemoteFile("b\0c", 3), RemoteFile("\ud800", 3)]
    fetched = results.fetch(connection, JOB, run.folder, (), IMPATIENT)
    assert ([one.path for one in fetched.files], len(fetched.missing)) == (["a"], 2)
    RunRecord.model_validate_json(run.record.model_copy(update={"missing": fetched.missing}).model_dump_json())
    assert JobState("READY").tags == frozenset()


SPELLINGS = (
    "RUN.JSON", "run.j\u017fon", "r\u200cun.json", "\uff52un.json", ".Lock", "run.json\u200d", ".RUN.json.12.part", ".record.LOCK",
)  # fmt: skip


@pytest.mark.parametrize("name", SPELLINGS)
def test_no_spelling_of_the_records_name_is_a_result(name):
    """On disks that see no case (macOS), no composition, or no character without a shape, these are the record."""
    from esd_deploy.fetching.places import Places, is_own

    assert is_own(name)
    assert Places(()).of(name).endswith(".result")


@pytest.mark.parametrize("name", ["Net.py", "NET.PY", "n\u200det.py", "net.\uff50y"])
def test_no_spelling_of_what_was_sent_takes_its_place(name):
    from esd_deploy.fetching.places import Places, same

    place = Places(["net.py"]).of(name)
    assert same(place) != same("net.py")
    assert Places(["net.py"]).of("other.py") == "other.py"


def test_a_folder_that_becomes_a_link_between_check_and_use_is_not_followed(tmp_path, monkeypatch):
    from esd_build.data.errors import ToolError
    from esd_deploy.plans import paths

    (tmp_path / "run" / "esd").mkdir(parents=True)
    (tmp_path / "run" / "esd" / "note").write_text("mine")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "note").write_text("a secret")
    real = paths.inside

    def swapped(folder, path):
        place = real(folder, path)
        if not (folder / "esd").is_symlink():
            (folder / "esd").rename(folder / "was")
            (folder / "esd").symlink_to("../secret")
        return place

    monkeypatch.setattr(paths, "inside", swapped)
    with pytest.raises((OSError, ToolError)):
        paths.read(tmp_path / "run", "esd/note")


def test_a_part_that_becomes_a_link_or_a_pipe_is_not_written_through(tmp_path, monkeypatch):
    import os

    from esd_deploy.fetching import download
    from esd_deploy.fetching.wanted import Wanted

    (tmp_path / "precious").write_text("mine")

    class Here:
        def read(self, *_):
            raise AssertionError("nothing is asked for")

    for make in (lambda part: part.symlink_to("precious"), os.mkfifo):
        monkeypatch.setattr(download, "_begin", lambda part, _file, make=make: make(part) or 0)
        with pytest.raises(download.PlaceError):
            download.download(Here(), "job", Wanted("x", "x", None), tmp_path / "x")
        (tmp_path / ".x.part").unlink()
    assert (tmp_path / "precious").read_text() == "mine"
