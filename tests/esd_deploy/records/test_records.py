"""Records of every form that there ever was, of forms to come, and damaged ones among good ones."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esd_deploy.cli import app
from esd_deploy.records import record
from esd_deploy.records.record import SCHEMA, RunRecord
from esd_deploy.several import fleet

RECORDS = sorted((Path(__file__).parents[2] / "data" / "records").glob("*.json"))
GOOD = next(path for path in RECORDS if path.stem == "form-2")
DAMAGED = {
    "empty": b"",
    "nuls": b"\0" * 100,
    "cut": GOOD.read_bytes()[:300],
    "latin-1": b'{"id": "caf\xe9"}',
    "list": b"[]",
    "number": b'{"schema_version": "later"}',
    "deep": b"[" * 100_000,
    "no-such-mode": GOOD.read_bytes().replace(b'"mode": "container"', b'"mode": "dream"'),
}


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_of_every_form_is_read_and_what_is_newer_is_kept(tmp_path, path):
    (tmp_path / "one").mkdir()
    shutil.copy(path, tmp_path / "one" / "run.json")

    found = record.load(tmp_path, "one")
    found.save(tmp_path / "one")

    before, after = json.loads(path.read_text()), json.loads((tmp_path / "one" / "run.json").read_text())
    assert found.succeeded
    assert found.schema_version == before.get("schema_version", 1)
    assert not _lost(before, after)
    assert record.load(tmp_path, "one") == found


def _lost(before, after, place=""):
    """Keys whose value is another or gone; a metric that was null is."""
    if isinstance(before, dict):
        gone = [f"{place}.{key}" for key in before if key not in after and before[key] is not None]
        return gone + [one for key in before if key in after for one in _lost(before[key], after[key], f"{place}.{key}")]
    if isinstance(before, list):
        return [one for a, b in zip(before, after, strict=True) for one in _lost(a, b, place)]
    return [] if before == after else [place]


def test_the_newest_form_is_among_them(planned):
    assert RunRecord.of(planned, {}).schema_version == SCHEMA
    assert any(json.loads(path.read_text()).get("schema_version") == SCHEMA for path in RECORDS)


@pytest.fixture
def runs(tmp_path):
    """Good runs, and between them one of each kind of damage."""
    for number in range(20):
        (tmp_path / f"good-{number:02}").mkdir()
        one = json.loads(GOOD.read_text()) | {"id": f"good-{number:02}"}
        (tmp_path / f"good-{number:02}" / "run.json").write_text(json.dumps(one))
    for name, content in DAMAGED.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_bytes(content)
    (tmp_path / "folder" / "run.json").mkdir(parents=True)
    return tmp_path


def test_a_damaged_record_is_one_line_with_its_reason_and_the_others_are_listed(runs):
    shown = CliRunner().invoke(app, ["list", "--output", str(runs), "--json"])

    listed = json.loads(shown.output)
    assert shown.exit_code == 0
    assert {one["id"] for one in listed if "problem" in one} == {*DAMAGED, "folder"}
    assert all("\n" not in one["problem"] and len(one["problem"]) < 500 for one in listed if "problem" in one)
    assert len([one for one in listed if "problem" not in one]) == 20
    table = CliRunner().invoke(app, ["list", "--output", str(runs)])
    assert (table.exit_code, table.output.count("unreadable"), table.output.count("SUCCESSFUL")) == (0, len(DAMAGED) + 1, 20)


def test_a_damaged_record_keeps_no_other_run_from_being_followed(runs):
    shown = CliRunner().invoke(app, ["watch", "--output", str(runs)])

    assert (shown.exit_code, "skipped" in shown.output) == (0, True)
    assert [one.status for one in fleet.Fleet(runs, lambda _site: None).refresh(["empty"])] == ["unreadable"]
    assert [one.id for one in fleet.refresh(runs)] == [f"good-{number:02}" for number in range(20)]


def test_a_record_that_is_a_link_to_nowhere_is_known(tmp_path):
    for name in ("good", "broken", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "good" / "run.json").touch()
    (tmp_path / "broken" / "run.json").symlink_to("/nowhere/run.json")
    (tmp_path / "file").touch()

    assert record.known(tmp_path) == ["broken", "good"]
    assert record.known(tmp_path / "none") == []
    with pytest.raises(record.DamagedError, match="is damaged"):
        record.own(tmp_path, "broken")
