"""Which file a site's name means: the user's own first, then the checkout's or the package's."""

from pathlib import Path

import pytest

from esd_build.data.errors import NoCheckoutError, ToolError, UsageError
from esd_deploy.plans import image
from esd_deploy.sites import catalogue
from esd_deploy.sites.catalogue import Catalogue, load_site
from esd_deploy.validation import reference

SITE = """
kind: unicore
description: {0}
url: https://unicore.example.org:8080/{0}/rest/core
registry: registry.example.org
mpi: pmix
credentials: {{token_env: TOKEN}}
limits: {{nodes: 2, time_s: 600}}
"""


def write(folder: Path, name: str, description: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(SITE.format(description))
    return path


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """The folder of the user's own sites."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "esd-images" / "sites"


@pytest.fixture
def installed(tmp_path, monkeypatch, own) -> Path:
    """An installed package without a checkout anywhere around."""
    package = tmp_path / "site-packages" / "esd_deploy"
    write(package / "catalogue" / "site-configs", "jusuf", "PACKAGED")
    recipe = package / "catalogue" / "recipes" / "nest" / "image.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.touch()
    monkeypatch.setattr(catalogue, "PACKAGED", package / "catalogue")
    monkeypatch.setattr(reference, "PACKAGED", package / "catalogue")
    monkeypatch.setattr(catalogue, "__file__", str(package / "sites" / "catalogue.py"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return package


def test_without_a_checkout_the_packages_own_copy_counts(installed):
    config, file = load_site("jusuf")

    assert (config.description, config.file) == ("PACKAGED", None)
    assert file == installed / "catalogue" / "site-configs" / "jusuf.yaml"
    assert Catalogue.find().image_names == ["nest"]


def test_ones_own_site_goes_first_and_remembers_its_file(installed, own):
    path = write(own, "jusuf", "OWN")

    config, file = load_site("jusuf")

    assert (config.description, config.file, file) == ("OWN", path, path)
    (known,) = Catalogue.find().sites
    assert (known.origin, known.hides) == ("own", installed / "catalogue" / "site-configs" / "jusuf.yaml")


def test_a_checkout_around_goes_before_the_package_and_after_ones_own(installed, own, tmp_path):
    write(tmp_path / "empty" / "site-configs", "jusuf", "CHECKOUT")
    write(own, "mine", "OWN")

    found = {one.name: one.origin for one in Catalogue.find().sites}

    assert found == {"jusuf": "checkout", "mine": "own"}


def test_a_site_may_be_a_file_with_either_ending(installed, tmp_path):
    path = write(tmp_path, "here", "FILE").rename(tmp_path / "here.yml")

    assert load_site(str(path))[0].description == "FILE"


def test_an_unknown_name_offers_ones_own_too(installed, own):
    write(own, "mycluster", "OWN")

    with pytest.raises(UsageError, match=r"unknown site 'mycluste'; did you mean 'mycluster'\?"):
        load_site("mycluste")


def test_a_whole_reference_needs_no_catalogue(installed, monkeypatch):
    monkeypatch.setattr(Catalogue, "find", lambda *_: pytest.fail("nothing to look up"))

    found = image.parse("registry.example.org/esd/own:1")

    assert str(found) == "registry.example.org/esd/own:1"


def test_what_needs_a_checkout_says_so(installed):
    with pytest.raises(NoCheckoutError, match=r"^--model compiles here, and .*/empty is not in a checkout"):
        Catalogue.find().checkout("--model compiles here")


def test_a_package_that_is_not_whole_is_told(installed, monkeypatch):
    monkeypatch.setattr(catalogue, "PACKAGED", installed / "gone")

    with pytest.raises(ToolError, match=r"incomplete: .*gone is missing; install it again"):
        Catalogue.find()


def test_references_of_a_packaged_site_are_kept_in_ones_own_folder(installed, own):
    """An installed package is not written to; what it brings counts until something was measured."""
    packaged = installed / "catalogue" / "site-configs" / "references" / "jusuf.json"
    packaged.parent.mkdir()
    packaged.write_text('{"image": "packaged"}')
    config, _ = load_site("jusuf")

    assert reference.load(config).image == "packaged"
    path = reference.save(config, reference.References(image="measured"))

    assert path == own / "references" / "jusuf.json"
    assert reference.load(config).image == "measured"
    assert packaged.read_text() == '{"image": "packaged"}'
