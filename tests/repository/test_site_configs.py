"""Every file in site-configs/ is a valid site, and the schema beside them is that of the code."""

import json
from pathlib import Path

import archspec.cpu
import pytest

from esd_deploy.sites.catalogue import Catalogue
from esd_deploy.sites.config import schema

ROOT = Path(__file__).parents[2]
CATALOGUE = Catalogue.find(ROOT)


def test_the_local_site_is_there():
    assert "local" in CATALOGUE.site_names


@pytest.mark.parametrize("name", CATALOGUE.site_names)
def test_a_site_is_valid(name):
    assert CATALOGUE.site(name).name == name


NEEDS_NO_EVIDENCE = {"name", "kind", "description", "credentials", "poll_s", "evidence"}
REMOTE = [name for name in CATALOGUE.site_names if CATALOGUE.site(name).status_file is None]


@pytest.mark.parametrize("name", REMOTE)
def test_each_value_of_a_remote_site_says_how_sure_it_is(name):
    config = CATALOGUE.site(name)

    assert config.model_fields_set - NEEDS_NO_EVIDENCE - config.evidence.keys() == set()


@pytest.mark.parametrize("name", REMOTE)
def test_a_guess_is_to_be_verified(name):
    assert [key for key, told in CATALOGUE.site(name).evidence.items() if told.certainty == "guess" and not told.verify] == []


@pytest.mark.parametrize("name", REMOTE)
def test_processors_are_those_that_archspec_knows(name):
    config = CATALOGUE.site(name)
    named = {config.target, *(partition.target for partition in config.partitions.values())} - {None}

    assert named <= archspec.cpu.TARGETS.keys()


def test_the_schema_is_that_of_the_code():
    committed = json.loads((ROOT / "site-configs" / "schema.json").read_text())

    assert committed == schema(), "`make reference` writes the new one"


def test_no_site_holds_a_secret():
    assert not [
        path.name for path in (ROOT / "site-configs").glob("*.yaml") if "token:" in path.read_text() or "password:" in path.read_text()
    ]
