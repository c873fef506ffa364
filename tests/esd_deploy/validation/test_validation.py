"""A whole validation with a site in memory, and the commands."""

import json
from dataclasses import replace
from importlib.metadata import version

import pytest
from tests.esd_deploy.conftest import FakeBackend, FakeConnection
from tests.esd_deploy.validation import recording
from tests.esd_deploy.validation.conftest import DIGEST, LABELS, recorded

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.registry import PublishedImage
from esd_deploy.cli import main
from esd_deploy.commands import validate as command
from esd_deploy.runs.site import Site
from esd_deploy.sites.endpoint import Credentials, Endpoint
from esd_deploy.validation import reference
from esd_deploy.validation.reports.document import collect
from esd_deploy.validation.suite import Selection
from esd_deploy.validation.validation import Validation, ValidationRequest

ENDPOINT = Endpoint("https://unicore.example.org/X/rest/core", "registry.example.org", None, Credentials("s"), "try again")


@pytest.fixture
def place(tmp_path):
    """A site in memory that behaves like a recorded one."""

    def make(fault="base", **kind):
        observed = recorded(fault)
        site = observed.site.model_copy(update={"file": tmp_path / "here.yaml", "name": "here", "poll_s": 0.001, **kind})
        image = PublishedImage(ImageReference("registry.example.org", "esd/nest", "edge", DIGEST), observed.image.sif_digest, 1000, LABELS)
        return Site(site, ENDPOINT, backend=FakeBackend(FakeConnection(results=recording.files(fault))), look_up=lambda _w, _e: image)

    return make


def validate(site, tmp_path, **wish):
    known = {"selection": Selection(quick=True), **wish}
    validation = Validation.prepare(site, ValidationRequest("registry.example.org/esd/nest:edge", **known))
    return replace(validation, tag_now=lambda _site, _image: DIGEST).run(tmp_path / "v")


def test_a_good_image_at_a_good_site(place, tmp_path):
    report = validate(place(), tmp_path)

    assert report.outcome == "unknown"  # the spikes have no reference yet
    assert {check.name for check in report.checks if check.verdict.outcome != "passed"} == {"spikes"}
    assert (report.digest, report.site, report.nodes, report.suite) == (DIGEST, "here", 2, "quick")
    assert collect(tmp_path / "v") == (report,)
    assert len(report.spikes) == 64
    assert report.esd_images == version("esd-images")
    assert {step for check in report.checks for step in check.steps} <= report.executed.keys()
    assert report.executed["pull"].startswith("bash ")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "nmpi"}, "runs no containers (its modes: queue)"),
        ({"login_node": False}, "runs nothing on its login nodes"),
    ],
)
def test_a_site_that_cannot_be_validated_is_refused(place, tmp_path, settings, says):
    with pytest.raises(UsageError) as raised:
        validate(place(**settings), tmp_path)

    assert says in str(raised.value)


def test_a_fault_is_in_the_report(place, tmp_path):
    report = validate(place("leaking-path"), tmp_path)

    assert report.outcome == "failed"
    assert next(check.name for check in report.checks if check.verdict.outcome == "failed") == "leaks"


def test_the_images_reference_makes_the_spikes_known(place, tmp_path, monkeypatch):
    spikes = validate(place(), tmp_path).spikes
    monkeypatch.setattr(reference, "load_spikes", lambda _annotations: spikes)
    assert validate(place(), tmp_path).outcome == "passed"

    monkeypatch.setattr(reference, "load_spikes", lambda _annotations: "0" * 64)
    assert [c.name for c in validate(place(), tmp_path).checks if c.verdict.outcome == "failed"] == ["spikes"]


def test_more_nodes_than_a_job_gets_are_refused(place, tmp_path):
    with pytest.raises(UsageError, match="at most 2"):
        validate(place(), tmp_path, nodes=3)


def test_one_node_is_enough_where_a_job_gets_one(place, tmp_path):
    site = place()
    one = replace(site, config=site.config.model_copy(update={"limits": site.config.limits.model_copy(update={"nodes": 1})}))
    validation = Validation.prepare(one, ValidationRequest("registry.example.org/esd/nest:edge"))

    assert validation.plan.nodes == 1


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return ended.value.code, *capsys.readouterr()


def test_the_checks_are_listed(capsys):
    code, out, _ = call(capsys, "checks")

    assert code == 0
    assert "wireup-nodes" in out
    assert "on request" in out


def test_a_report_of_nothing_says_how_to_make_one(capsys, tmp_path):
    code, _, err = call(capsys, "report", "--output", tmp_path)

    assert (code, "esd-deploy validate" in err) == (3, True)


def test_the_report_collects_what_is_kept(capsys, tmp_path, place):
    report = validate(place(), tmp_path)
    code, out, _ = call(capsys, "report", "--output", tmp_path / "v", "--json", "-", "--html", tmp_path / "page.html")

    assert code == 0
    assert [found["id"] for found in json.loads(out)] == [report.id]
    assert "registry.example.org/esd/nest:edge@sha256:" in (tmp_path / "page.html").read_text()


def test_an_image_without_a_site_is_refused(capsys, tmp_path):
    assert call(capsys, "report", "--image", "nest:edge", "--output", tmp_path)[0] == 3


def test_the_report_asks_every_registry_for_every_image_whatever_one_says(capsys, tmp_path, place, monkeypatch):
    kept = validate(place(), tmp_path)
    asked = []

    def of_registry(site, image):
        asked.append((site, image))
        if image == "nest:lost":
            raise ToolError("the registry does not answer")
        return (kept.model_copy(update={"site": site}),)

    monkeypatch.setattr(command, "of_registry", of_registry)
    monkeypatch.setattr(Site, "load", classmethod(lambda _cls, name: name))
    sites = ("--site", "a", "--site", "b")
    code, out, err = call(
        capsys, "report", *sites, "--image", "nest:lost", "--image", "nest:edge", "--output", tmp_path / "none", "--json", "-"
    )

    assert (code, [one["id"] for one in json.loads(out)]) == (0, [kept.id])
    assert asked == [(site, image) for site in ("a", "b") for image in ("nest:lost", "nest:edge")]
    assert err.count("nest:lost: the registry does not answer") == 2


def test_suggest_says_where_it_has_nothing_to_try(place, tmp_path):
    validation = Validation.prepare(place("leaking-path"), ValidationRequest("registry.example.org/esd/nest:edge", Selection(quick=True)))
    report = replace(validation, tag_now=lambda _site, _image: DIGEST).run(tmp_path / "v", suggest=True)

    assert report.suggestion.startswith("nothing was tried")
