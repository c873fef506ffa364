"""The installed package at a live site: a run from an empty folder, with no checkout anywhere around."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.installed import ROOT, Installed

from esd_build.registry import PublishedImage
from esd_localsite.state.status import SiteStatus

pytestmark = pytest.mark.site

SCRIPT = """
import json
import nest

nest.Simulate(10.0)
if nest.Rank() == 0:
    print(json.dumps({"ranks": nest.NumProcesses()}))
    open("metrics.json", "w").write(json.dumps({"ranks": nest.NumProcesses()}))
"""


@pytest.fixture(scope="module")
def outside(installed: Installed, running_site: SiteStatus) -> Iterator[Installed]:
    """The environment, for a user whose own folder of sites knows the session's site as `here`."""
    own = Path(installed.variables["HOME"]) / ".config" / "esd-images" / "sites"
    own.mkdir(parents=True, exist_ok=True)
    standard = (ROOT / "site-configs" / "local.yaml").read_text()
    (own / "here.yaml").write_text(standard.replace("/esd-localsite/local/", f"/esd-localsite/{running_site.name}/"))
    (installed.folder / "net.py").write_text(SCRIPT)
    yield installed
    (own / "here.yaml").unlink()


@pytest.mark.parametrize("whole", [False, True])
def test_a_run_from_an_empty_folder(outside: Installed, published: PublishedImage, whole: bool) -> None:
    """By the image's name, which the package knows, and by a whole reference, which needs no catalogue."""
    image = str(published.reference) if whole else "nest"
    done = outside("esd-deploy", "run", "net.py", "--site", "here", "--image", image, "--nodes", "2", "--json")
    record = json.loads(done.stdout)
    assert (record["status"], record["exit_code"], record["metrics"]) == ("SUCCESSFUL", 0, {"ranks": 2})
    assert record["site_file"].endswith(".config/esd-images/sites/here.yaml")
    assert (outside.folder / "runs" / record["id"] / "run.json").is_file()
    assert record["id"] in outside("esd-deploy", "list").stdout


def test_a_validation_from_an_empty_folder(outside: Installed, published: PublishedImage) -> None:
    done = outside("esd-deploy", "validate", "--site", "here", "--image", "nest", "--only", "start", "--json", "-")
    verdicts = {one["name"]: one["verdict"]["outcome"] for one in json.loads(done.stdout)["checks"]}
    assert verdicts["start"] == "passed"
