"""Two sites with different modules: the same script by changing --site only. Modules drift, the container does not."""

import json

import pytest
from tests.sites.conftest import SITES

pytestmark = [pytest.mark.site, pytest.mark.long]


def drift(deploy, two_sites, *options, code):
    names = ",".join(str(two_sites / f"{word}.yaml") for word in SITES)
    page = two_sites / "drift.html"
    found = json.loads(deploy("drift", "--sites", names, "--json", "--html", str(page), *options, code=code).stdout)
    return {row["component"]: row["verdict"] for row in found["rows"]}, page.read_text()


def test_modules_drift(deploy, two_sites):
    verdicts, page = drift(deploy, two_sites, code=1)

    assert verdicts["neo"] == "differs"
    assert '<tr class="differs"><th>neo</th>' in page


def test_containers_do_not(deploy, two_sites):
    verdicts, _ = drift(deploy, two_sites, "--image", "nest:edge", "--no-modules", code=0)

    assert set(verdicts.values()) == {"same"}


def test_the_same_script_by_changing_the_site_only(deploy, two_sites, script):
    path = script("import neo, os; open('neo.txt', 'w').write(neo.__version__ + os.environ['PYNN_SIMULATOR'])")
    said = {}
    for word in SITES:
        for options in ((), ("--image", "nest:edge")):
            record = json.loads(deploy("run", str(path), "--site", str(two_sites / f"{word}.yaml"), "--json", *options).stdout)
            said[word, record["mode"]] = (deploy.folder(record) / "neo.txt").read_text()

    assert said["one", "module"] != said["two", "module"]
    assert said["one", "container"] == said["two", "container"]
