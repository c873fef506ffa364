"""Runs that are taken up from what was written down: run again, attached to from another machine, looked after by the hundred."""

import asyncio
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import JOB, FakeBackend, FakeConnection, exports

from esd_build.data.errors import ToolError, UsageError
from esd_deploy import Site, gather
from esd_deploy.backends.connection import GoneError, JobState
from esd_deploy.inputs.bundle import bundle
from esd_deploy.inputs.content import whole
from esd_deploy.plans.job import TRAVELLING, JobDescription
from esd_deploy.records import record
from esd_deploy.runs import rerun
from esd_deploy.runs.site import numbered
from esd_deploy.several import fleet
from esd_deploy.sites.endpoint import Credentials, Endpoint

ENDPOINT = Endpoint("https://unicore.example.org:8080/EXAMPLE/rest/core", "registry.example.org", None, Credentials("s"), "")


@pytest.fixture
def place(config, image, connection):
    return Site(config, ENDPOINT, backend=FakeBackend(connection), look_up=lambda _w, _e: image)


def submitted(place, script, runs, **options):
    run = place.submit(script, ["--seed", "1 2"], image="nest", nodes=2, runs=runs, **options)
    run._sleep = lambda _s: None
    return run


def test_a_run_is_repeated_from_its_record_without_asking_the_registry(place, script, tmp_path):
    extra = tmp_path / "data.csv"
    extra.write_text("1,2")
    first = submitted(place, script, tmp_path / "runs", inputs=[extra], tags=["t"], time_s=120)
    deaf = replace(place, look_up=None)

    again = rerun.plan(first.record, first.folder, deaf.config)

    assert (again.script, again.command, again.shape, again.time_s) == (
        script.read_bytes(), ("net.py", "--seed", "1 2"), replace(again.shape, nodes=2), 120,
    )  # fmt: skip
    assert (again.image.reference, tuple((name, whole(content)) for name, content in again.inputs), again.tags) == (
        first.record.image and again.image.reference,
        (("data.csv", b"1,2"),),
        ("t",),
    )
    assert str(again.image.reference) == first.record.image.reference
    assert again.run_id != first.id


def test_a_rerun_has_the_same_name_and_variables(place, script, tmp_path):
    first = submitted(place, script, tmp_path / "runs", name="pilot", environment={"SCALE": "0.1 x"})

    again = rerun.plan(first.record, first.folder, place.config)

    assert (first.record.name, first.record.environment) == ("pilot", {"SCALE": "0.1 x"})
    assert (again.name, again.environment, again.site.environment["SCALE"]) == ("pilot", (("SCALE", "0.1 x"),), "0.1 x")


def test_a_run_of_a_sweep_is_repeated_with_its_parameters(place, script, tmp_path):
    plan = place.plan(rerun_request(script)).with_parameters((("g", 4.5),), "run-7")
    first = place.start(plan, runs=tmp_path)

    again = rerun.plan(first.record, first.folder, place.config)

    assert (again.parameters, again.arguments, again.variables) == ((("g", 4.5),), ("--g=4.5",), (("ESD_PARAM_g", "4.5"),))


def test_parameters_that_a_record_cannot_have_had_are_refused(place, script, tmp_path):
    first = submitted(place, script, tmp_path / "runs")
    forged = first.record.model_copy(update={"parameters": {"g": "$(touch evil)"}})

    with pytest.raises(UsageError, match="a site's shell would read"):
        rerun.plan(forged, first.folder, place.config)


def test_variables_that_a_record_cannot_have_had_are_refused(place, script, tmp_path):
    """A record may come from a job's folder, where anybody who ran there could write."""
    first = submitted(place, script, tmp_path / "runs")
    forged = first.record.model_copy(update={"environment": {"ESD_APPTAINER": "/tmp/evil"}})

    with pytest.raises(UsageError, match="belong to esd-deploy"):
        rerun.plan(forged, first.folder, place.config)


def test_a_script_that_was_changed_since_is_not_passed_off_as_the_same(place, script, tmp_path):
    first = submitted(place, script, tmp_path / "runs")
    (first.folder / "net.py").write_text("print('other')")

    with pytest.raises(UsageError, match="is not the file that ran"):
        rerun.plan(first.record, first.folder, place.config)


class Remote(FakeConnection):
    """Gives back what was uploaded, as a job's folder does."""

    @contextmanager
    def read(self, job, path, offset=0):
        content = {**self.uploaded, **self.results}.get(path)
        if content is None:
            raise GoneError(path)
        yield iter((content[offset:],))


@pytest.mark.parametrize("by", ["id", "url"])
def test_another_machine_attaches_by_id_or_url(config, image, script, tmp_path, by):
    remote = Remote()
    place = Site(config, ENDPOINT, backend=FakeBackend(remote), look_up=lambda _w, _e: image)
    first = submitted(place, script, tmp_path / "here")

    there = rerun.adopt(place, first.id if by == "id" else JOB, runs=tmp_path / "there")
    there._sleep = lambda _s: None

    assert there.wait().succeeded
    assert (there.id, there.record.image, there.record.script) == (first.id, first.record.image, first.record.script)
    assert (tmp_path / "there" / first.id / "net.py").read_bytes() == script.read_bytes()
    assert rerun.plan(there.record, there.folder, place.config).script == script.read_bytes()


def test_a_record_that_travelled_cannot_write_elsewhere(config, image, script, tmp_path):
    remote = Remote()
    place = Site(config, ENDPOINT, backend=FakeBackend(remote), look_up=lambda _w, _e: image)
    first = submitted(place, script, tmp_path / "here")
    evil = first.record.model_copy(update={"id": "../../evil"})
    remote.uploaded[TRAVELLING] = evil.model_dump_json().encode()

    with pytest.raises(ToolError, match=r"no valid esd/record\.json"):
        rerun.adopt(place, JOB, runs=tmp_path / "there")


def test_a_job_of_somebody_elses_is_not_adopted(place, tmp_path, connection):
    connection.jobs.append({"Tags": ["other"]})

    with pytest.raises(UsageError, match="no job of run 'run-9'"):
        rerun.adopt(place, "run-9", runs=tmp_path)


def test_many_runs_are_asked_about_over_one_connection_and_ended_ones_not_at_all(place, script, tmp_path, connection):
    opened = []
    load = lambda _name: opened.append(1) or place  # noqa: E731
    runs = [submitted(place, script, tmp_path, tags=["many"]) for _ in range(5)]
    submitted(place, script, tmp_path)
    connection.states = [JobState("SUCCESSFUL", exit_code=0)]

    first = fleet.refresh(tmp_path, "many", load=load)
    asked = []
    connection.state = asked.append
    fleet.refresh(tmp_path, "many", load=load)

    assert {one.id for one in first if one.ended} == {run.id for run in runs}
    assert (len(opened), asked) == (1, [])


def test_a_site_that_fails_is_told_with_its_runs(place, script, tmp_path):
    submitted(place, script, tmp_path)

    def load(_name):
        raise ToolError("site down\nmore")

    (found,) = fleet.refresh(tmp_path, load=load)

    assert (found.ended, found.problem) == (False, "site down")


def test_many_runs_of_one_plan_have_numbers(place, script, tmp_path, connection):
    planned = place.plan(rerun_request(script))
    runs = list(place.start_many(numbered(planned, 3), runs=tmp_path))

    told = [exports({"esd/site.sh": (run.folder / "esd/site.sh").read_bytes()}) for run in runs]
    assert [one["ESD_RUN_INDEX"] for one in told] == ["0", "1", "2"]
    assert len({run.id for run in runs}) == 3
    assert [run.record.index for run in runs] == [0, 1, 2]


def test_a_run_of_many_is_repeated_under_its_number(place, script, tmp_path):
    runs = list(place.start_many(numbered(place.plan(rerun_request(script)), 2), runs=tmp_path))
    # Older records have the number in their job's description only.
    described = JobDescription(Environment={"ESD_RUN_INDEX": "1"})
    old = runs[1].record.model_copy(update={"index": None, "job": runs[1].record.job.model_copy(update={"description": described})})

    assert [rerun.plan(one, runs[1].folder, place.config).index for one in (runs[1].record, old)] == [1, 1]


def test_a_run_reads_its_script_once(place, script, monkeypatch):
    read = []
    monkeypatch.setattr("esd_deploy.plans.request.bundle", lambda path, *more: read.append(path) or bundle(path, *more))

    place.plan(rerun_request(script))

    assert read == [script]


def rerun_request(script):
    from esd_deploy.plans.request import Request

    return Request(script, image="nest")


def test_many_runs_are_awaited_together(place, script, tmp_path, connection):
    runs = [submitted(place, script, tmp_path) for _ in range(3)]
    connection.states = [JobState("SUCCESSFUL", exit_code=0)]

    records = asyncio.run(gather(runs))

    assert [one.id for one in records] == [run.id for run in runs]
    assert all(one.succeeded and one.ending for one in records)


def test_a_wait_that_is_cancelled_leaves_the_job_running(place, script, tmp_path, connection):
    run = submitted(place, script, tmp_path)
    connection.states = [JobState("RUNNING")]

    async def impatient():
        await asyncio.wait_for(run.wait_async(), 0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())

    assert (connection.aborted, record.load(tmp_path, run.id).status) == (0, "RUNNING")
