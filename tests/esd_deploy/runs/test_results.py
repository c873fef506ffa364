import hashlib

import pytest
from tests.esd_deploy.conftest import JOB, FakeConnection

from esd_build.data.errors import ToolError
from esd_deploy.backends.connection import AwayError, GoneError, RemoteFile
from esd_deploy.fetching.folder import is_alike, retire
from esd_deploy.records import reports
from esd_deploy.records.record import FileRecord, MissingRecord, RunRecord
from esd_deploy.runs import results
from esd_deploy.runs.patience import patiently

IMPATIENT = patiently(sleep=lambda _s: None)


def test_results_arrive_with_size_and_hash(tmp_path):
    connection = FakeConnection(results={"sub/spikes.nix": b"spikes"}, uploaded={"net.py": b"x"})

    (found,) = results.fetch(connection, JOB, tmp_path, ["net.py"], IMPATIENT).files

    assert (tmp_path / "sub" / "spikes.nix").read_bytes() == b"spikes"
    assert (found.path, found.size, found.sha256) == ("sub/spikes.nix", 6, hashlib.sha256(b"spikes").hexdigest())


def test_a_truncated_download_is_tried_again(tmp_path):
    connection = FakeConnection(results={"spikes.nix": b"spikes"}, truncate=["spikes.nix"])

    results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert (tmp_path / "spikes.nix").read_bytes() == b"spikes"


def test_a_download_that_stays_truncated_leaves_nothing(tmp_path):
    connection = FakeConnection(results={"spikes.nix": b"spikes", "good": b"g"}, truncate=["spikes.nix"] * 9)

    fetched = results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert [(one.path, one.reason, one.lost) for one in fetched.missing] == [("spikes.nix", "spikes.nix: 5 of 6 bytes came", True)]
    assert [path.name for path in tmp_path.iterdir()] == ["good"]


@pytest.mark.parametrize("path", ["../evil", "a/../../evil", "/etc/evil", "", "run.json", "link/evil"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)

    with pytest.raises(ToolError, match="has no place in"):
        results.target(folder, path)


def test_the_linked_image_and_the_staged_files_are_no_results():
    files = [RemoteFile("esd/image.sif", 10**9), RemoteFile("net.py", 1), RemoteFile("b", 1), RemoteFile("a", 1)]

    assert [file.path for file in results.wanted(files, ["net.py"])] == ["a", "b"]


def test_unicores_own_files_are_no_results():
    own = ["UNICORE_Job_17", "UNICORE_SCRIPT_PID", "UNICORE_SCRIPT_EXIT_CODE", "UNICORE_ALLOCATION_ID", "TSI_submit_17", "bss_submit_17"]
    files = [RemoteFile(path, 1) for path in [*own, ".UNICORE_PRE_0/stdout", "mine/UNICORE_Job_17"]]

    assert [file.path for file in results.wanted(files, [])] == ["mine/UNICORE_Job_17"]


def test_what_the_job_reports_comes_into_the_record(planned, tmp_path):
    (tmp_path / "esd").mkdir()
    (tmp_path / "esd" / "wireup.json").write_text('{"size": 2, "hosts": ["c1", "c2"]}')
    (tmp_path / "esd" / "versions.json").write_text('{"NEST": "3.10.0"}')
    (tmp_path / "esd" / "pull.json").write_text('{"host": "login", "downloaded": true, "seconds": 4}')
    (tmp_path / "metrics.json").write_text('{"neurons": 1250, "rate_excitatory_hz": 7.5}')

    found = reports.understood(RunRecord.of(planned, {}), tmp_path)

    assert (found.ranks, found.hosts, found.versions) == (2, ("c1", "c2"), {"NEST": "3.10.0"})
    assert repr(found.metrics) == "{'neurons': 1250, 'rate_excitatory_hz': 7.5}"
    assert found.pull is not None
    assert found.pull.host == "login"


def test_starts_that_died_by_chance_come_into_the_record(planned, tmp_path):
    (tmp_path / "esd").mkdir()
    (tmp_path / "esd" / "start-crashes.jsonl").write_text('{"attempt": 1, "reason": "Caught signal 11"}\n')

    found = reports.understood(RunRecord.of(planned, {}), tmp_path)

    assert [crash.model_dump() for crash in found.start_crashes] == [{"attempt": 1, "reason": "Caught signal 11"}]
    assert RunRecord.model_validate_json(found.model_dump_json()) == found


def test_what_is_not_reported_stays_unknown(planned, tmp_path):
    found = reports.understood(RunRecord.of(planned, {}), tmp_path)

    assert (found.ranks, found.hosts, found.versions, found.metrics, found.pull) == (None, (), {}, {}, None)


@pytest.mark.parametrize(
    ("text", "metrics", "warned"),
    [
        ('{"rate_hz": 3.5, "model": "iaf", "per_pop": {"E": 1}}', {"rate_hz": 3.5}, "not a finite number: model, per_pop"),
        ('{"rate_hz": 0.0, "cv": NaN, "t_s": Infinity, "none": null}', {"rate_hz": 0.0}, "not a finite number: cv, t_s"),
        ('{"a": 1e999, "b": true, "c": 12345678901234567890123}', {}, "not a finite number: a, b, c"),
        ("[1]", {}, "expected a JSON object"),
        ("{", {}, "no JSON"),
    ],
)
def test_metrics_that_are_no_numbers_are_named_and_the_others_kept(planned, tmp_path, text, metrics, warned):
    (tmp_path / "metrics.json").write_text(text)

    found = reports.understood(RunRecord.of(planned, {}), tmp_path)

    assert found.metrics == metrics
    assert warned in found.warnings[0]
    assert RunRecord.model_validate_json(found.model_dump_json()) == found


def test_other_reports_of_another_form_are_told_and_do_not_make_the_run_wrong(planned, tmp_path):
    (tmp_path / "esd").mkdir()
    (tmp_path / "esd" / "versions.json").write_text('{"NEST": 3}')
    (tmp_path / "esd" / "wireup.json").mkdir()
    (tmp_path / "esd" / "restarts").write_text("2\n")
    (tmp_path / "esd" / "start-crashes.jsonl").write_text('{"attempt": "x"}\n')

    found = reports.understood(RunRecord.of(planned, {}), tmp_path)

    assert (found.versions, found.ranks, found.restarts) == ({}, None, 2)
    assert [text.partition(" ")[0] for text in found.warnings] == ["esd/wireup.json", "esd/versions.json", "esd/start-crashes.jsonl"]


@pytest.mark.parametrize("target", ["metrics.json", "nowhere", "/etc/hostname", "esd"])
def test_metrics_that_are_a_link_to_nothing_are_no_reason_to_fail(planned, tmp_path, target):
    (tmp_path / "esd").mkdir()
    (tmp_path / "metrics.json").symlink_to(target)

    assert reports.understood(RunRecord.of(planned, {}), tmp_path).metrics == {}


def noted(results_of):
    """The manifest that job.sh writes."""
    lines = (f"{hashlib.sha256(content).hexdigest()}  ./{path}\0" for path, content in results_of.items())
    return {**results_of, results.MANIFEST: "".join(lines).encode()}


def test_a_download_goes_on_where_it_broke_off(tmp_path):
    connection = FakeConnection(results=noted({"spikes.nix": b"spikes"}))
    (tmp_path / ".spikes.nix.part").write_bytes(b"spi")

    fetched = results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert (tmp_path / "spikes.nix").read_bytes() == b"spikes"
    assert 3 in connection.offsets
    assert {file.path: file.checked for file in fetched.files} == {"spikes.nix": True, results.MANIFEST: False}


def test_a_part_that_is_not_of_this_file_is_noticed_by_the_hash(tmp_path):
    connection = FakeConnection(results=noted({"spikes.nix": b"spikes"}))
    (tmp_path / ".spikes.nix.part").write_bytes(b"XXX")

    results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert (tmp_path / "spikes.nix").read_bytes() == b"spikes"


def test_a_site_whose_files_are_away_for_a_while_loses_none(tmp_path):
    connection = FakeConnection(results=noted({"spikes.nix": b"spikes"}))
    there, away = connection.read, iter([True] * 9)

    def read(*asked):
        if next(away, False):
            raise AwayError("its TSI does not answer")
        return there(*asked)

    connection.read = read
    fetched = results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert (fetched.missing, (tmp_path / "spikes.nix").read_bytes()) == ((), b"spikes")


def test_a_part_survives_the_loss_of_the_site(tmp_path):
    connection = FakeConnection(results=noted({"spikes.nix": b"spikes"}), truncate=["spikes.nix"], lose=["state"])

    with pytest.raises(ToolError, match="no answer"):
        results.fetch(connection, JOB, tmp_path, [], patiently(sleep=lambda _s: None, give_up_s=0))

    assert (tmp_path / ".spikes.nix.part").read_bytes() == b"spike"
    results.fetch(connection, JOB, tmp_path, [], IMPATIENT)
    assert (tmp_path / "spikes.nix").read_bytes() == b"spikes"


def test_what_is_here_and_whole_is_not_fetched_again(tmp_path):
    connection = FakeConnection(results=noted({"spikes.nix": b"spikes"}))
    results.fetch(connection, JOB, tmp_path, [], IMPATIENT)
    before = len(connection.offsets)

    results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert len(connection.offsets) - before == 2  # the manifest, twice: once to know, once as a result


def test_one_bad_name_does_not_keep_the_others_from_coming(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    connection = FakeConnection(results={"../evil": b"x", "/etc/evil": b"x", "good": b"x"})

    fetched = results.fetch(connection, JOB, folder, [], IMPATIENT)

    assert [file.path for file in fetched.files] == ["good"]
    assert [file.path for file in fetched.missing] == ["../evil", "/etc/evil"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["good", "run"]


def test_a_link_in_the_folder_is_not_written_through(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path / "evil")

    with pytest.raises(ToolError, match="has no place in"):
        results.target(folder, "out")


def test_results_that_this_disk_has_no_room_for_are_not_begun(tmp_path):
    connection = FakeConnection(results={"big": b"x"})
    connection.files = lambda _job: [RemoteFile("big", 10**18)]

    with pytest.raises(ToolError, match="make room"):
        results.fetch(connection, JOB, tmp_path, [], IMPATIENT)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("known", [True, False])
def test_a_file_of_unknown_size_is_read_to_its_end(tmp_path, known):
    connection = FakeConnection(results=noted({"spikes.nix": b"spikes"}) if known else {"spikes.nix": b"spikes"})
    listed = [RemoteFile(path, None) for path in connection.results]
    connection.files = lambda _job: listed
    (tmp_path / ".spikes.nix.part").write_bytes(b"spikes")  # what is here may be all: nothing is asked for behind its end

    fetched = {file.path: file for file in results.fetch(connection, JOB, tmp_path, [], IMPATIENT).files}["spikes.nix"]

    assert ((tmp_path / "spikes.nix").read_bytes(), fetched.size, fetched.checked) == (b"spikes", 6, known)
    assert set(connection.offsets) == {0}
    again = {file.path: file for file in results.fetch(connection, JOB, tmp_path, [], IMPATIENT).files}["spikes.nix"]
    assert again == fetched


def test_a_file_that_still_grows_is_cut_at_the_size_that_was_listed(tmp_path):
    connection = FakeConnection(results={"stdout": b"more and more"})
    connection.files = lambda _job: [RemoteFile("stdout", 4)]

    (found,) = results.fetch(connection, JOB, tmp_path, [], IMPATIENT).files

    assert ((tmp_path / "stdout").read_bytes(), found.size, found.checked) == (b"more", 4, False)


def test_what_the_job_made_into_another_kind_since_the_last_fetch_arrives_and_nothing_is_lost(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    results.fetch(FakeConnection(results={"a": b"file", "b/c": b"in a folder"}), JOB, folder, [], IMPATIENT)

    fetched = results.fetch(FakeConnection(results={"a/x": b"new", "b": b"a file now"}), JOB, folder, [], IMPATIENT)

    assert [file.path for file in fetched.files] == ["a/x", "b"]
    assert ((folder / "a" / "x").read_bytes(), (folder / "b").read_bytes()) == (b"new", b"a file now")
    assert ((folder / "a.earlier").read_bytes(), (folder / "b.earlier" / "c").read_bytes()) == (b"file", b"in a folder")


def test_a_disk_that_does_not_see_case_is_known_by_the_record(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert not is_alike(tmp_path)

    (tmp_path / "RUN.JSON").hardlink_to(tmp_path / "run.json")
    assert is_alike(tmp_path)


def test_a_file_that_vanishes_in_mid_download_leaves_no_partial_file(tmp_path):
    class Vanishing(FakeConnection):
        def read(self, job, path, offset=0):
            raise GoneError(f"no file {path}")

    fetched = results.fetch(Vanishing(results={"tmp.dat": b"x"}), JOB, tmp_path, [], IMPATIENT, ended=False)

    assert [(one.path, one.kind) for one in fetched.missing] == [("tmp.dat", "vanished")]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("missing", "outdated"),
    [
        ((), ["gone.dat", "d/in.dat", "caf%E9.txt"]),
        ((("gone.dat", "vanished"), ("gone.dat", "link")), ["gone.dat", "d/in.dat", "caf%E9.txt"]),
        ((("gone.dat", "file"),), ["d/in.dat", "caf%E9.txt"]),
        ((("d", "folder"),), ["gone.dat", "caf%E9.txt"]),
        (((r"caf\xe9.txt", "file"),), ["gone.dat", "d/in.dat"]),
        ((("", "folder"),), []),
    ],
)
def test_a_file_of_an_earlier_fetch_is_outdated_unless_it_may_still_be_at_the_site(missing, outdated):
    here = FileRecord(path="here.dat", size=1, sha256="a" * 64)
    earlier = [here.model_copy(update={"path": path}) for path in ("here.dat", "gone.dat", "d/in.dat")]
    earlier.append(here.model_copy(update={"path": "caf%E9.txt", "origin": r"caf\xe9.txt"}))
    lost = tuple(MissingRecord(path=path, size=None, reason="why", kind=kind) for path, kind in missing)

    assert results.outdated(earlier, results.Fetched((here,), lost)) == outdated


def test_an_outdated_file_stands_aside_and_a_link_or_a_staged_file_stays(tmp_path):
    (tmp_path / "gone.dat").write_text("old")
    (tmp_path / "gone.dat.earlier").write_text("the job's own")
    (tmp_path / "link").symlink_to("gone.dat")

    assert retire(tmp_path, ["gone.dat", "link", "never.dat", "../outside"]) == ["gone.dat"]
    assert (tmp_path / "gone.dat.earlier~2").read_text() == "old"
    assert (tmp_path / "gone.dat.earlier").read_text() == "the job's own"
    assert (tmp_path / "link").is_symlink()
