"""The configuration of a queue's machine, from what is typed to the job, the record and the run that repeats it."""

import json
from dataclasses import replace

import pytest

from esd_build.data.errors import UsageError
from esd_deploy.backends.nmpi import job as nmpi_job
from esd_deploy.backends.nmpi.backend import BACKEND
from esd_deploy.inputs.hardware import typed, with_hardware
from esd_deploy.plans.request import Request
from esd_deploy.records import sameness
from esd_deploy.records.record import RunRecord
from esd_deploy.records.staging import prepare
from esd_deploy.runs import rerun
from esd_deploy.sites.config import Limits, NmpiSettings, SiteConfig
from esd_deploy.sites.source import CredentialsSource


@pytest.fixture
def queue_site() -> SiteConfig:
    return SiteConfig(
        name="spinnaker",
        kind="nmpi",
        description="a queue",
        queue_url="https://queue.example.org",
        credentials=CredentialsSource(token_env="TOKEN"),
        backend="spiNNaker",
        nmpi=NmpiSettings(platform="SpiNNaker", collab="my-collab", hardware_config={"extra_makes": "site", "boards": 1}),
        limits=Limits(nodes=1, time_s=86400),
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("3", 3),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("007", "007"),
        ("7.3.0", "7.3.0"),
        ('"7.0"', "7.0"),
        ('"', '"'),
        ("nan", "nan"),
        ("1e999", "1e999"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_value_has_the_type_that_it_looks_like(text, value):
    [(key, found)] = typed([f"key={text}"])

    assert (key, found, type(found)) == ("key", value, type(value))


@pytest.mark.parametrize(("given", "says"), [(["emulated"], "expected KEY=VALUE"), (["a=1", "a=2"], "a: given twice")])
def test_what_is_no_setting_is_refused(given, says):
    with pytest.raises(UsageError, match=f"^--hardware-config .*{says}"):
        typed(given)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ((("1st", 1),), "'1st': expected a key"),
        ((("", 1),), "'': expected a key"),
        ((("k" * 65, 1),), "at most 64 letters"),
        ((("key", "x" * 1001),), "at most 1,000 printable"),
        ((("key", "two\nlines"),), "one line"),
        (tuple((f"k{number}", 1) for number in range(101)), "101 settings, a job takes at most 100"),
    ],
)
def test_names_and_sizes_are_checked(queue_site, settings, says):
    with pytest.raises(UsageError, match=says):
        with_hardware(queue_site, settings)


def test_the_job_has_the_sites_own_settings_and_the_runs_over_them(queue_site, script):
    asked = Request(script, hardware=(("boards", 3), ("emulated", True)))
    plan = asked.checked(queue_site).plan(None, "run-1")

    assert nmpi_job.description(plan).hardware_config == {"timeout": 1, "extra_makes": "site", "boards": 3, "emulated": True}
    assert queue_site.nmpi.hardware_config == {"extra_makes": "site", "boards": 1}


def test_the_time_limit_has_one_place(queue_site, script):
    with pytest.raises(UsageError, match="--hardware-config timeout: --time sets it"):
        Request(script, hardware=(("timeout", 5),)).checked(queue_site)


def test_another_platform_may_have_a_setting_of_that_name(queue_site, script):
    site = queue_site.model_copy(update={"nmpi": NmpiSettings(platform="Demo", collab="my-collab")})
    plan = Request(script, hardware=(("timeout", 5),)).checked(site).plan(None, "run-1")

    assert nmpi_job.description(plan).hardware_config == {"timeout": 5}


def test_a_supercomputer_has_no_such_configuration(config, script):
    with pytest.raises(UsageError, match=r"--hardware-config emulated: site 'valid' is no neuromorphic queue \(kind: unicore\)"):
        Request(script, image="nest", hardware=(("emulated", True),)).checked(config)


def recorded(queue_site, script, folder, *settings) -> RunRecord:
    plan = Request(script, hardware=settings).checked(queue_site).plan(None, "run-1")
    return prepare(plan, BACKEND.run_job(plan), folder)


def test_a_second_run_has_the_same_settings_and_is_the_same_work(queue_site, script, tmp_path):
    settings = (("emulated", True), ("scale", 1.0), ("version", "7.0"), ("boards", 3))
    folder = tmp_path / "runs" / "run-1"
    recorded(queue_site, script, folder, *settings)

    text = (folder / "run.json").read_text()
    known = RunRecord.model_validate_json(text)
    again = rerun.plan(known, folder, queue_site)

    assert json.loads(text)["hardware_config"] == dict(settings)
    assert (again.hardware, [type(value) for _, value in again.hardware]) == (settings, [bool, float, str, int])
    assert nmpi_job.description(again).hardware_config["boards"] == 3
    assert sameness.of_plan(again) == sameness.of_record(known)
    assert sameness.of_plan(replace(again, hardware=(("emulated", 1), *settings[1:]))) != sameness.of_record(known)


def test_a_record_from_elsewhere_is_checked_too(queue_site, script, tmp_path):
    known = recorded(queue_site, script, tmp_path / "run-1")
    forged = known.model_copy(update={"hardware_config": {"a b": 1}})
    with pytest.raises(UsageError, match="'a b': expected a key"):
        rerun.plan(forged, tmp_path / "run-1", queue_site)
