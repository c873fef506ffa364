"""Two sites with different modules: the same script by changing --site only. Modules drift, the container does not."""

import json
import os

import pytest
from tests.sites.conftest import registry_of

from esd_build.data.reference import ImageReference
from esd_localsite import lifecycle

pytestmark = [pytest.mark.site, pytest.mark.long]

SITES = {"one": "ESD/25.04", "two": "ESD/24.10"}


@pytest.fixture(scope="module")
def sites(local_site_possible, site_options, image, deploy, tmp_path_factory):
    """Site files of two sites that are up, each with a module of its own and the image in its registry; their names."""
    from esd_build.product import finished

    folder, names = tmp_path_factory.mktemp("sites"), {word: f"pytest-{os.getpid()}-{word}" for word in SITES}
    try:
        for word, name in names.items():
            status = lifecycle.up(name, options=site_options)
            deploy("local", "module", SITES[word], "--name", name)
            registry = registry_of(status)
            registry.push(image, ImageReference.parse(f"{status.registry}/esd/nest:edge"), finished.read(image).labels)
            lines = (
                "kind: unicore",
                f"description: site {word}",
                f"status_file: /var/lib/esd-localsite/{name}/status.json",
                "mpi: pmix",
                "binds: [/tmp]",
                f"modules: [{SITES[word]}]",
                "limits: {nodes: 2, time_s: 3600}",
                "poll_s: 1",
            )
            (folder / f"{word}.yaml").write_text("\n".join(lines) + "\n")
        yield folder
    finally:
        for name in names.values():
            lifecycle.down(name, purge=True)


def drift(deploy, sites, *options, code):
    names = ",".join(str(sites / f"{word}.yaml") for word in SITES)
    page = sites / "drift.html"
    found = json.loads(deploy("drift", "--sites", names, "--json", "--html", str(page), *options, code=code).stdout)
    return {row["component"]: row["verdict"] for row in found["rows"]}, page.read_text()


def test_modules_drift(deploy, sites):
    verdicts, page = drift(deploy, sites, code=1)

    assert verdicts["neo"] == "differs"
    assert '<tr class="differs"><th>neo</th>' in page


def test_containers_do_not(deploy, sites):
    verdicts, _ = drift(deploy, sites, "--image", "nest:edge", "--no-modules", code=0)

    assert set(verdicts.values()) == {"same"}


def test_the_same_script_by_changing_the_site_only(deploy, sites, script):
    path = script("import neo, os; open('neo.txt', 'w').write(neo.__version__ + os.environ['PYNN_SIMULATOR'])")
    said = {}
    for word in SITES:
        for options in ((), ("--image", "nest:edge")):
            record = json.loads(deploy("run", str(path), "--site", str(sites / f"{word}.yaml"), "--json", *options).stdout)
            said[word, record["mode"]] = (deploy.folder(record) / "neo.txt").read_text()

    assert said["one", "module"] != said["two", "module"]
    assert said["one", "container"] == said["two", "container"]
