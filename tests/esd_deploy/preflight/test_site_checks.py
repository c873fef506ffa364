"""Each check of the preflight: what fails, what passes, and what is not known."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from esd_build.data.errors import UsageError
from esd_deploy import Site
from esd_deploy.backends.unicore.backend import UnicoreBackend
from esd_deploy.errands import probe
from esd_deploy.errands.probe import Probe
from esd_deploy.plans.launch import Shape
from esd_deploy.preflight import site_checks
from esd_deploy.preflight.site_checks import Known, judge
from esd_deploy.sites.certainty import Evidence
from esd_deploy.sites.config import Partition
from esd_deploy.sites.endpoint import Credentials, Endpoint

TIME = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = {"org.label-schema.build-arch": "amd64", "eu.ebrains.esd.target": "x86_64_v3", "eu.ebrains.esd.pmix": "5.0.7"}
PROBE = Probe(time=TIME, mpi_plugins=("pspmix", "pmi2"), apptainer="1.3.2", scratch="/s", scratch_free=10**9, cores=64)


def verdicts(facts):
    return {finding.check: finding.verdict for finding in judge(facts)}


@pytest.fixture
def facts(planned):
    site = planned.site.model_copy(update={"target": "zen2", "pmix": "5.0.3"})
    return Known(replace(planned, site=site), LABELS, PROBE)


def on(facts, **settings):
    return replace(facts, plan=replace(facts.plan, site=facts.plan.site.model_copy(update=settings)))


def test_what_fits_passes(facts):
    assert "failed" not in verdicts(facts).values()
    assert {name for name, verdict in verdicts(facts).items() if verdict == "passed"} >= {
        "architecture", "processor", "PMIx", "Apptainer", "disk", "cores", "MPI plugin",
    }  # fmt: skip


FAULTS = [
    ("architecture", lambda facts: on(facts, target="neoverse_v2")),
    ("processor", lambda facts: replace(facts, labels={**LABELS, "eu.ebrains.esd.target": "x86_64_v4"})),
    ("GPU", lambda facts: replace(on(facts, partitions={"batch": Partition()}), labels={**LABELS, "eu.ebrains.esd.gpu": "cuda12"})),
    ("Apptainer", lambda facts: replace(facts, probe=PROBE.model_copy(update={"apptainer": "1.2.5"}))),
    ("disk", lambda facts: replace(facts, probe=PROBE.model_copy(update={"scratch_free": 1500}))),
    ("cores", lambda facts: replace(facts, plan=replace(facts.plan, shape=Shape(1, 16, 8)))),
    ("cores", lambda facts: on(facts, partitions={"batch": Partition(cpus=3)})),
    ("project", lambda facts: on(facts, activation="jutil env activate -p {account}", account=None)),
    ("MPI plugin", lambda facts: on(facts, mpi="pmix_v5")),
    ("partition", lambda facts: replace(facts, probe=PROBE.model_copy(update={"partitions": {"other": None}}))),
    ("partition", lambda facts: replace(facts, probe=PROBE.model_copy(update={"partitions": {"batch": 599}}))),
    ("token", lambda facts: replace(facts, token_s=20, token_renews=False)),
    ("guesses", lambda facts: on(facts, target="icelake", evidence={"mpi": Evidence(certainty="guess", verify=True)}, mpi="pmix")),
]


@pytest.mark.parametrize(("check", "fault"), FAULTS)
def test_what_cannot_work_fails_with_its_reason(facts, check, fault):
    found = {finding.check: finding for finding in judge(fault(facts))}

    assert found[check].verdict == "failed"
    assert found[check].reason


def test_what_is_not_known_is_unknown_and_not_passed(planned):
    found = verdicts(Known(planned, {}))

    assert found == {
        "architecture": "unknown", "processor": "unknown", "PMIx": "unknown", "GPU": "skipped", "Apptainer": "unknown",
        "disk": "unknown", "cores": "unknown", "partition": "unknown", "project": "passed", "MPI plugin": "unknown",
        "token": "skipped", "guesses": "skipped",
    }  # fmt: skip


def test_a_guess_that_nobody_verified_is_unknown(facts):
    marked = on(facts, evidence={"mpi": Evidence(certainty="guess", verify=True)})

    assert verdicts(replace(marked, probe=None))["guesses"] == "unknown"
    assert verdicts(marked)["guesses"] == "passed"


def test_the_site_knows_better_than_its_file_what_processor_it_has(facts):
    asked = replace(on(facts, target="x86_64"), probe=PROBE.model_copy(update={"targets": ("x86_64", "x86_64_v3", "zen2")}))

    assert verdicts(asked)["processor"] == "passed"


def test_a_token_that_ends_before_the_job_and_is_not_renewed_is_not_passed(facts):
    assert verdicts(replace(facts, token_s=300, token_renews=False))["token"] == "unknown"
    assert verdicts(replace(facts, token_s=300, token_renews=True))["token"] == "passed"


def test_a_short_token_that_renews_itself_is_passed(facts):
    assert verdicts(replace(facts, token_s=20, token_renews=True))["token"] == "passed"


def test_without_an_image_only_the_rest_is_looked_at(facts):
    assert "processor" not in verdicts(replace(facts, plan=replace(facts.plan, image=None, mode="module")))


def test_a_run_without_a_chance_is_not_submitted_and_the_override_is_named(facts, monkeypatch, image):
    monkeypatch.setattr(probe, "known", lambda _site, _server: PROBE)
    place = Site(facts.plan.site, Endpoint("https://u.example.org/X/rest/core", "r", None, Credentials("s"), ""), backend=UnicoreBackend())
    hopeless = replace(facts.plan, image=replace(image, annotations={"eu.ebrains.esd.target": "x86_64_v4"}))

    with pytest.raises(UsageError, match=r"(?s)--force.*processor: the image needs x86_64_v4, the nodes are zen2"):
        site_checks.require(place, hopeless)
