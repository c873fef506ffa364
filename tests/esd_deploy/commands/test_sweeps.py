"""A sweep as it is typed: submitted, listed as a table, and handled as a whole."""

import csv
import io
import json

import pytest
from tests.esd_deploy.commands.test_cli import call
from tests.esd_deploy.conftest import FakeBackend
from tests.esd_deploy.runs.test_taking_up import ENDPOINT

from esd_build.data.errors import ToolError
from esd_deploy import Site
from esd_deploy.backends.connection import JobState
from esd_deploy.commands.shared import running
from esd_deploy.records import record

DONE = JobState("SUCCESSFUL", exit_code=0)


@pytest.fixture
def place(monkeypatch, config, image, connection):
    """The site of every command here, whatever it is called."""
    place = Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)
    for module in ("shared.running", "run.submit", "run.rerun"):
        monkeypatch.setattr(f"esd_deploy.commands.{module}.Site", Fixed(place))
    monkeypatch.setattr("esd_deploy.several.sweep.Site", Fixed(place))
    monkeypatch.setattr("esd_deploy.several.fleet.Fleet.__init__.__defaults__", (lambda _name: place,))
    monkeypatch.setattr("esd_deploy.several.sweep.members.__kwdefaults__", {"again": False, "load": lambda _name: place})
    for module in ("shared.running", "run.rerun"):
        monkeypatch.setattr(f"esd_deploy.commands.{module}.load_site", lambda _name: (config, None))
    monkeypatch.setattr("esd_deploy.commands.run.submit.allowed", lambda *_arguments: True)
    monkeypatch.setattr("esd_deploy.commands.run.rerun.allowed", lambda *_arguments: True)
    return place


class Fixed:
    """`Site`, which finds the one of the test whatever is asked for."""

    def __init__(self, place):
        self.load = self.of = lambda *_names: place


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def sweep(capsys, place, script, runs):
    """`esd-deploy submit` with a sweep of four: its exit code, its output."""

    def act(*options):
        words = ("submit", script, "--site", "valid", "--image", "nest", "--param", "g=4,5", "--param", "seed=1..2")
        return call(capsys, *words, "--output", runs, *options)

    return act


def test_it_prints_an_id_for_each_run_and_says_how_to_go_on(sweep, runs, script):
    code, out, err = sweep()

    assert (code, sorted(out.split())) == (0, record.known(runs))
    assert "4 runs: 4 submitted; `esd-deploy watch --tag sweep-net` follows them" in err
    assert {record.load(runs, one).tags for one in out.split()} == {("sweep-net",)}


def test_the_same_again_prints_the_same_ids(sweep, connection):
    _, first, _ = sweep()
    connection.states = [JobState("RUNNING")]

    code, out, err = sweep()

    assert (code, out, len(connection.jobs)) == (0, first, 4)
    assert "4 runs: 4 active already" in err
    assert sweep("--again")[1] != first


def test_an_array_of_slurm_is_refused_with_what_to_type_instead(sweep, connection):
    code, out, err = sweep("--array", "0-99%10")

    assert (code, out, connection.jobs) == (3, "", [])
    assert "no Slurm array is submitted" in err
    assert "`--param task=0..99`" in err


def test_as_json_it_is_one_array(sweep):
    records = json.loads(sweep("--json")[1])

    assert [one["parameters"] for one in records] == [{"g": g, "seed": seed} for g in (4, 5) for seed in (1, 2)]


def test_a_site_that_goes_down_in_the_middle_keeps_what_was_submitted(sweep, connection, runs):
    create = connection.create

    def full(description):
        if len(connection.jobs) == 1:
            raise ToolError("the site is down")
        return create(description)

    connection.create = full
    code, out, err = sweep()

    assert (code, len(out.split())) == (4, 1)
    assert f"the site is down\nthose that were submitted are kept in {runs}; the same command submits the rest of the 4 runs" in err

    connection.create = create
    connection.states = [JobState("RUNNING")]
    code, out, err = sweep()
    assert (code, len(set(out.split())), len(connection.jobs)) == (0, 4, 4)
    assert "2 submitted, 1 taken up again, 1 active already" in err


def test_count_and_parameters_do_not_go_together(sweep):
    code, _, err = sweep("--count", "2")

    assert (code, "--param trial=1..4" in err) == (3, True)


def test_rows_of_a_file_are_runs(capsys, place, script, runs, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("g,seed\n4,1\n5,2\n5,3\n")

    code, out, _ = call(capsys, "submit", script, "--site", "valid", "--image", "nest", "--params", rows, "--output", runs, "--tag", "mine")

    found = [record.load(runs, one) for one in out.split()]
    assert (code, [one.parameters for one in found]) == (0, [{"g": 4, "seed": 1}, {"g": 5, "seed": 2}, {"g": 5, "seed": 3}])
    assert {one.tags for one in found} == {("mine",)}


@pytest.fixture
def done(sweep, runs):
    """The ids of a sweep whose runs have ended, with a metric."""
    ids = sweep()[1].split()
    for number, one in enumerate(record.load(runs, run_id) for run_id in ids):
        one.with_state(DONE).model_copy(update={"metrics": {"rate_hz": 20.25 + number}}).save(runs / one.id)
    return ids


def test_the_table_has_parameters_and_metrics(capsys, done, runs):
    code, out, _ = call(capsys, "list", "--table", "--output", runs, "--tag", "sweep-net")

    assert code == 0
    assert [word in out for word in ("g", "seed", "rate_hz", "20.25", "23.25", *done)] == [True] * 9


def test_the_csv_file_has_all_columns(capsys, done, runs):
    rows = list(csv.DictReader(io.StringIO(call(capsys, "list", "--csv", "--output", runs)[1])))

    assert {one["id"]: (one["param.g"], one["param.seed"], one["metric.rate_hz"]) for one in rows} == dict(
        zip(done, [("4", "1", "20.25"), ("4", "2", "21.25"), ("5", "1", "22.25"), ("5", "2", "23.25")], strict=True)
    )


def test_one_form_at_a_time(capsys, runs):
    assert call(capsys, "list", "--csv", "--json", "--output", runs)[0] == 3


def test_all_of_a_tag_are_cancelled_deleted_fetched(capsys, sweep, runs, connection):
    ids = sweep()[1].split()
    connection.states = [JobState("RUNNING")]
    aborted = []
    connection.abort = aborted.append

    code, out, _ = call(capsys, "cancel", "--tag", "sweep-net", "--output", runs)
    assert (code, out.count("cancelled at"), len(set(aborted))) == (0, 4, 4)

    code, out, _ = call(capsys, "fetch", "--tag", "sweep-net", "--output", runs)
    assert (code, out.count("files in")) == (0, 4)

    code, out, _ = call(capsys, "delete", *ids[:2], "--output", runs, "--force")
    assert (code, out.count("removed at"), len(connection.deleted)) == (0, 2, 2)


def test_what_fails_for_one_of_several_is_told_and_the_others_are_done(capsys, done, runs):
    (runs / done[1] / record.FILE_NAME).write_text("{}")

    code, out, err = call(capsys, "delete", *done, "--output", runs, "--force")

    assert (code, out.count("removed at")) == (4, 3)
    assert f"{done[1]}: " in err
    assert "1 of 4 runs: see above" in err


def test_records_of_several_are_an_array_and_of_one_an_object(capsys, done, runs):
    several = json.loads(call(capsys, "fetch", done[0], done[1], "--output", runs, "--json")[1])
    of_tag = json.loads(call(capsys, "attach", "--tag", "sweep-net", "--output", runs, "--json")[1])
    one = json.loads(call(capsys, "fetch", done[0], "--output", runs, "--json")[1])

    assert ([found["id"] for found in several], len(of_tag), one["id"]) == (done[:2], 4, done[0])


def test_all_of_a_tag_are_run_again(capsys, done, runs, connection):
    connection.states = [DONE]

    code, out, _ = call(capsys, "rerun", "--tag", "sweep-net", "--output", runs, "--json")

    again = json.loads(out)
    assert (code, [one["rerun_of"] for one in again]) == (0, done)
    assert [one["parameters"] for one in again] == [record.load(runs, one).parameters for one in done]


def test_several_are_exported_into_a_folder(capsys, done, runs, tmp_path):
    code, _, _ = call(capsys, "export", *done[:2], "--output", runs, "--to", tmp_path / "crates")

    assert (code, sorted(one.name for one in (tmp_path / "crates").iterdir())) == (0, sorted(f"{one}.crate.zip" for one in done[:2]))


def test_a_beginning_or_last_names_a_run(capsys, done, runs, monkeypatch):
    for command in ("show", "fetch"):
        assert call(capsys, command, "last", "--output", runs)[0] == 0
        assert call(capsys, command, done[0].rpartition("-")[2], "--output", runs)[0] == 0


def test_commands_without_a_run_say_how_to_name_one(capsys, runs):
    code, _, err = call(capsys, "cancel", "--output", runs)

    assert (code, "name a run" in err) == (3, True)


def test_known_run_takes_a_beginning(done, runs):
    assert running.known_run(done[2].rpartition("-")[2], runs, None, None).id == done[2]
