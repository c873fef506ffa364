import hashlib

import pytest
from tests.esd_deploy.conftest import JOB, FakeConnection

from esd_build.errors import ToolError
from esd_deploy import reports, results
from esd_deploy.connection import RemoteFile
from esd_deploy.record import RunRecord
from esd_deploy.submission import patiently

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
    connection = FakeConnection(results={"spikes.nix": b"spikes"}, truncate=["spikes.nix"])

    with pytest.raises(ToolError, match="5 of 6 bytes"):
        results.fetch(connection, JOB, tmp_path, [], patiently(sleep=lambda _s: None, give_up_s=0))

    assert list(tmp_path.iterdir()) == []


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


def test_what_is_not_reported_stays_unknown(planned, tmp_path):
    found = reports.understood(RunRecord.of(planned, {}), tmp_path)

    assert (found.ranks, found.hosts, found.versions, found.metrics, found.pull) == (None, (), {}, {}, None)


@pytest.mark.parametrize("text", ['{"rate": "high"}', "[1]", "{"])
def test_metrics_that_are_no_numbers_are_named(planned, tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)

    with pytest.raises(ToolError, match=r"metrics\.json"):
        reports.understood(RunRecord.of(planned, {}), tmp_path)
