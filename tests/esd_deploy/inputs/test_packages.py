"""Packages besides those of the image: their lock, and where the program sees them."""

from dataclasses import replace

import pytest
from tests.esd_deploy.conftest import exports, prepared

from esd_build.data.errors import UsageError
from esd_deploy.backends.unicore import job as unicore_job
from esd_deploy.inputs.packages import LOCK_FILE, Packages, seen, versions
from esd_deploy.plans import launch, run_job
from esd_deploy.records import sameness
from esd_deploy.runs import rerun

LOCK = (
    b"pandas==3.1.1 \\\n    --hash=sha256:"
    + b"a" * 64
    + b" \\\n    --hash=sha256:"
    + b"b" * 64
    + b"\ntabulate==0.10.0 \\\n    --hash=sha256:"
    + b"c" * 64
    + b"\n"
)
OWN = Packages(LOCK, "3.13", "x86_64-manylinux_2_28", "sha256:" + "b" * 64, "d" * 64)


def with_packages(planned):
    return replace(planned, packages=OWN, site=seen(planned.site))


def test_a_lock_names_versions():
    assert versions(LOCK) == {"pandas": "3.1.1", "tabulate": "0.10.0"}


@pytest.mark.parametrize(
    "line",
    [
        "tabulate @ https://me:secret@example.org/tabulate-1-py3-none-any.whl",
        "-e .",
        "--index-url https://example.org",
        "./here",
        "a==1 ; x",
        "",
    ],
)
def test_what_is_no_package_of_an_index_is_refused_without_its_address(line):
    with pytest.raises(UsageError, match="only packages by name") as told:
        versions(LOCK + line.encode() + b"\n")
    assert "secret" not in str(told.value)


def test_the_key_is_that_of_image_lock_and_content():
    others = [replace(OWN, **{name: value}) for name, value in {"lock": b"", "image": "sha256:e", "sums": "f"}.items()]

    assert len({OWN.key, *(one.key for one in others)}) == 4
    assert replace(OWN).key == OWN.key


def test_the_program_sees_them_before_what_the_site_has(planned):
    site = planned.site.model_copy(update={"environment": {"PYTHONPATH": "/own"}})

    assert seen(site).environment["PYTHONPATH"] == "/opt/esd-packages:/own"
    assert '--bind "$ESD_PACKAGES:/opt/esd-packages:ro"' in str(with_packages(planned).launch)
    assert '[ -n "${ESD_PACKAGES:-}" ]' in launch.launch_file(seen(planned.site), planned.shape, planned.command, mode="container")


def test_a_job_knows_its_packages_and_carries_their_lock(planned):
    job = unicore_job.job(run_job.spec(with_packages(planned)))

    environment = exports(job.files)
    assert (environment["ESD_PACKAGES_KEY"], environment["ESD_PACKAGES_SUMS"]) == (OWN.key, OWN.sums)
    assert (environment["PYTHONPATH"], job.files[LOCK_FILE]) == ("/opt/esd-packages", LOCK)


def test_a_run_again_has_the_same_packages(planned, tmp_path, config):
    plan = with_packages(planned)
    known = prepared(plan, tmp_path / "run-1")

    again = rerun.plan(known, tmp_path / "run-1", config)

    assert (again.packages, again.site.environment["PYTHONPATH"]) == (OWN, "/opt/esd-packages")
    assert known.requirements
    assert known.requirements.versions == versions(LOCK)
    assert sameness.of_record(known) == sameness.of_plan(plan) != sameness.of_plan(planned)


def test_a_lock_that_was_changed_is_not_used(planned, tmp_path, config):
    known = prepared(with_packages(planned), tmp_path / "run-1")
    (tmp_path / "run-1" / LOCK_FILE).write_bytes(LOCK.replace(b"0.10.0", b"0.10.1"))

    with pytest.raises(UsageError, match="not the file that ran"):
        rerun.plan(known, tmp_path / "run-1", config)
