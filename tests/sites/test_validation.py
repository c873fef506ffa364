"""`pytest tests/sites --site=S --image=I`: each check of `esd-deploy validate` as a test; without a site, on one of the session's own.

The whole table of faults, each built on purpose, is made by benchmarks/validation/faults.py.
"""

import json

import pytest
from tests.sites.conftest import mpi_lines, mpi_name

from esd_deploy.validation.reports.document import Report
from esd_deploy.validation.suite import CHECKS

pytestmark = pytest.mark.site


@pytest.fixture(scope="session")
def report(request, deploy_to) -> Report:
    """One validation, of which every test tells one verdict."""
    named = request.config.getoption("--site", None)
    deploy, site = deploy_to
    suite = request.config.getoption("--suite", None) or ("full" if named else "quick")
    image = request.config.getoption("--image", "nest:edge")
    finished = deploy.validate("--site", site, "--image", image, "--json", "-", *(["--quick"] if suite == "quick" else []))
    return Report.model_validate_json(finished)


@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_check(name, report):
    found = next((check.verdict for check in report.checks if check.name == name), None)
    if found is None:
        pytest.skip(f"not in the {report.suite} suite")
    if found.outcome in {"skipped", "unknown"}:
        pytest.skip(f"{found.outcome}: {found.reason}")
    assert found.outcome == "passed", f"{found.reason}\n→ {found.advice}"


@pytest.fixture(scope="session")
def own_site(request):
    """Nothing is broken on purpose at a site that was named."""
    if request.config.getoption("--site", None):
        pytest.skip("only at a local site of the session's own: pytest without --site")


@pytest.fixture
def faulty(deploy, published, running_site, tmp_path):
    """Validates at the session's site with another plugin, or more variables, in its file; the verdicts by name."""

    def validate(name: str, *options: str, mpi: str = "", **environment: str) -> dict[str, dict[str, str]]:
        good = mpi_lines(running_site.launcher)
        plugin, *more = mpi_lines(running_site.launcher, **environment)
        old, new = ("\n".join(lines) + "\n" for lines in (good, (f"mpi: {mpi}" if mpi else plugin, *more)))
        text = deploy.site_file.read_text()
        assert old in text
        file = tmp_path / f"{name}.yaml"
        file.write_text(text.replace(old, new, 1))
        told = deploy.validate("--site", str(file), "--image", "nest:edge", "--json", "-", *options, code=1)
        return {check["name"]: check["verdict"] for check in json.loads(told)["checks"]}

    return validate


@pytest.mark.usefixtures("own_site")
def test_a_path_of_the_host_that_leaks_in_is_found(faulty):
    found = faulty("leaking", "--only", "leaks", PYTHONPATH="/usr/lib/python3/dist-packages")

    assert found["leaks"]["outcome"] == "failed"
    assert "PYTHONPATH" in found["leaks"]["advice"]


@pytest.mark.usefixtures("own_site")
def test_a_wrong_plugin_is_found_and_the_right_one_suggested(deploy, faulty, running_site):
    found = faulty("plugin", "--only", "wireup-node", "--suggest", mpi="pmix_v9")

    assert found["plugin"]["outcome"] == "failed"
    assert found["wireup-node"]["outcome"] == "skipped"
    assert "with this change" in deploy.last_validation()["suggestion"]
    assert f"mpi: {mpi_name(running_site.launcher)}" in deploy.last_validation()["suggestion"]


@pytest.mark.usefixtures("own_site")
def test_verdicts_are_attached_to_the_image_and_read_back(deploy, published):
    site = ("--site", str(deploy.site_file), "--image", "nest:edge")
    told = json.loads(deploy.validate(*site, "--only", "image", "--add-verdicts", "--json", "-"))
    found = json.loads(deploy("report", *site, "--output", "nothing-here", "--json", "-").stdout)

    assert told["digest"] == published.reference.digest
    assert told["id"] in [report["id"] for report in found]
