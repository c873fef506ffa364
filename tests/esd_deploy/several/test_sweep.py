"""A sweep that is interrupted, repeated, and done in part."""

from dataclasses import replace
from functools import partial

import pytest
from tests.esd_deploy.conftest import FakeBackend, exports
from tests.esd_deploy.runs.test_taking_up import ENDPOINT

from esd_build.data.errors import ToolError
from esd_deploy import Site
from esd_deploy.backends.connection import GoneError, JobState
from esd_deploy.inputs import parameters
from esd_deploy.plans.request import Request
from esd_deploy.records import listing, record
from esd_deploy.several import sweep

GRID = parameters.combinations(["g=4,5", "seed=1..2"])
DONE = JobState("SUCCESSFUL", exit_code=0)
FAILED = JobState("FAILED", exit_code=1)


@pytest.fixture
def place(config, image, connection):
    return Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)


@pytest.fixture
def submit(place, script, tmp_path):
    """Submits the sweep into tmp_path/runs: how each of its runs stood before, and the records."""

    def act(*, inputs=(), again=False, arguments=()):
        plan = place.plan(Request(script, arguments, "nest", inputs=inputs))
        found = sweep.members(plan, GRID, tmp_path / "runs", again=again, load=lambda _name: place)
        return [one.standing for one in found], sweep.submitted(place, found, tmp_path / "runs")

    return act


def every(submit, **options):
    standings, records = submit(**options)
    return standings, [one.id for one in records]


def ended(runs, number, state):
    """The run that was submitted as that one has ended so."""
    one = sorted(listing.records(runs), key=lambda found: found.states[0].time)[number]
    one.with_state(state).save(runs / one.id)
    return one.id


def test_each_run_has_its_parameters_in_record_environment_and_arguments(submit, tmp_path):
    _, ids = every(submit, arguments=("--fast",))

    found = [record.load(tmp_path / "runs", one) for one in ids]
    assert [one.parameters for one in found] == [dict(one) for one in GRID]
    assert found[1].script.arguments == ("--fast", "--g=4", "--seed=2")
    environment = exports({"esd/site.sh": (tmp_path / "runs" / ids[1] / "esd/site.sh").read_bytes()})
    assert (environment["ESD_PARAM_g"], environment["ESD_PARAM_seed"]) == ("4", "2")
    assert "--g=4" in found[1].launch


def test_the_same_sweep_again_submits_nothing_that_is_done_or_active(submit, tmp_path, connection):
    _, first = every(submit)
    connection.states = [JobState("RUNNING")]
    ended(tmp_path / "runs", 0, DONE)

    standings, second = every(submit)

    assert (standings, second) == (["done", "active", "active", "active"], first)
    assert len(connection.jobs) == 4


def test_what_failed_is_submitted_anew(submit, tmp_path, connection):
    _, first = every(submit)
    connection.states = [JobState("RUNNING")]
    failed = ended(tmp_path / "runs", 2, FAILED)

    standings, second = every(submit)

    assert standings == ["active", "active", "new", "active"]
    assert [old == new for old, new in zip(first, second, strict=True)] == [True, True, False, True]
    assert failed == first[2]


def test_what_failed_while_nobody_looked_is_submitted_anew(submit, connection):
    every(submit)
    connection.states = [FAILED]

    assert every(submit)[0] == ["new"] * 4


def test_what_was_deleted_at_the_site_is_submitted_anew(submit, connection, monkeypatch):
    every(submit)

    def gone(_job):
        raise GoneError("no such job")

    connection.state = gone

    assert every(submit)[0] == ["new"] * 4


def test_a_submission_that_fails_loses_nothing_and_the_same_sweep_goes_on(submit, connection, tmp_path):
    create = connection.create

    def full(description):
        if len(connection.jobs) == 2:
            raise ToolError("the site is down")
        return create(description)

    connection.create = full
    standings, records = submit()
    begun = [next(records).id, next(records).id]
    with pytest.raises(ToolError, match="the site is down"):
        next(records)
    connection.create = create
    connection.states = [JobState("RUNNING")]

    again, ids = every(submit)

    assert (standings, again) == (["new"] * 4, ["active", "active", "begun", "new"])
    assert ids[:2] == begun
    assert len(connection.jobs) == len(set(ids)) == len(record.known(tmp_path / "runs")) == 4


def test_a_job_that_waits_for_its_files_is_completed(submit, connection):
    upload = connection.upload

    def broken(_job, _path, _content):
        raise ToolError("cut off")

    connection.upload = broken
    _, records = submit()
    with pytest.raises(ToolError):
        next(records)
    connection.upload = upload

    standings, ids = every(submit)

    assert standings == ["begun", "new", "new", "new"]
    assert (len(connection.jobs), connection.started, len(ids)) == (4, 4, 4)


def test_other_input_image_or_arguments_are_other_work(submit, tmp_path, place, image):
    data = tmp_path / "data.csv"
    data.write_text("1")
    every(submit, inputs=(data,))
    data.write_text("2")

    assert every(submit, inputs=(data,))[0] == ["new"] * 4
    assert every(submit, inputs=(data,), arguments=("--fast",))[0] == ["new"] * 4
    other = replace(place, look_up=lambda _w, _e: replace(image, reference=replace(image.reference, digest="sha256:" + "c" * 64)))
    plan = other.plan(Request(tmp_path / "net.py", (), "nest", inputs=(data,)))
    members = partial(sweep.members, plan, GRID, tmp_path / "runs")
    assert {one.standing for one in members(load=lambda _name: place)} == {"new"}


def test_again_submits_all(submit, tmp_path):
    _, first = every(submit)
    ended(tmp_path / "runs", 0, DONE)

    standings, second = every(submit, again=True)

    assert standings == ["new"] * 4
    assert not set(first) & set(second)


def test_a_second_sweep_waits_for_the_first(tmp_path):
    told = []

    class Told:
        def step(self, text):
            told.append(text)
            raise KeyboardInterrupt

    with sweep.alone_in(tmp_path, Told()), pytest.raises(KeyboardInterrupt), sweep.alone_in(tmp_path, Told()):
        pass
    assert "another sweep" in told[0]
