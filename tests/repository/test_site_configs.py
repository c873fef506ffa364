"""Every file in site-configs/ is a valid site, and the schema beside them is that of the code."""

import json
from pathlib import Path

import pytest

from esd_deploy.catalogue import Catalogue
from esd_deploy.config import schema

ROOT = Path(__file__).parents[2]
CATALOGUE = Catalogue.find(ROOT)


def test_the_local_site_is_there():
    assert "local" in CATALOGUE.site_names


@pytest.mark.parametrize("name", CATALOGUE.site_names)
def test_a_site_is_valid(name):
    assert CATALOGUE.site(name).name == name


def test_the_schema_is_that_of_the_code():
    committed = json.loads((ROOT / "site-configs" / "schema.json").read_text())

    assert committed == schema(), (
        "write the new one: python -c 'import json, esd_deploy.config as c; print(json.dumps(c.schema(), indent=2))'"
    )


def test_no_site_holds_a_secret():
    assert not [
        path.name for path in (ROOT / "site-configs").glob("*.yaml") if "token:" in path.read_text() or "password:" in path.read_text()
    ]
