"""How a run is cited, and its page for people."""

import json
import zipfile

import pytest
from ruamel.yaml import YAML
from tests.esd_deploy.studies.test_comparisons import ended, folder  # noqa: F401 - fixtures

from esd_build.data.errors import UsageError
from esd_deploy.records.record import FileRecord
from esd_deploy.studies import citation, crate, preview
from esd_deploy.studies.citation import Author

ADA = Author("Ada M. Lovelace", "0000-0002-1825-0097")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Ada M. Lovelace <0000-0002-1825-0097>", ADA),
        (" Ada  M. Lovelace  <https://orcid.org/0000-0002-1825-0097>", ADA),
        ("Plato", Author("Plato")),
    ],
)
def test_an_author_is_a_name_and_perhaps_an_orcid(text, found):
    assert citation.author(text) == found


@pytest.mark.parametrize("text", ["", "<0000-0002-1825-0097>", "Ada <0000-0002-1825-0098>", "Ada <ada@example.org>", "Ada <"])
def test_any_other_author_is_refused(text):
    with pytest.raises(UsageError, match="expected a name, or a name and an ORCID"):
        citation.author(text)


def test_the_citation_names_authors_licence_and_image(ended):  # noqa: F811
    read = YAML(typ="safe").load(citation.cff(ended, (ADA, Author("Plato")), "https://spdx.org/licenses/CC-BY-4.0"))

    assert read["authors"] == [
        {"given-names": "Ada M.", "family-names": "Lovelace", "orcid": "https://orcid.org/0000-0002-1825-0097"},
        {"family-names": "Plato"},
    ]
    assert (read["cff-version"], read["type"], read["license"]) == ("1.2.0", "dataset", "CC-BY-4.0")
    assert read["identifiers"][0]["value"] == ended.image.digest
    assert "NEST 3.10.0" in read["keywords"]


def test_nobody_is_made_up(ended, folder, tmp_path):  # noqa: F811
    assert citation.cff(ended, ()) is None
    with zipfile.ZipFile(crate.write(ended, folder, tmp_path / "run.zip")) as archive:
        assert "CITATION.cff" not in archive.namelist()


def test_a_crate_has_citation_authors_and_a_page(ended, folder, tmp_path):  # noqa: F811
    with zipfile.ZipFile(crate.write(ended, folder, tmp_path / "run.zip", authors=(ADA,))) as archive:
        assert b"Lovelace" in archive.read("CITATION.cff")
        page = archive.read("ro-crate-preview.html").decode()
        graph = {entity["@id"]: entity for entity in json.loads(archive.read("ro-crate-metadata.json"))["@graph"]}
    assert graph["./"]["author"] == [{"@id": "https://orcid.org/0000-0002-1825-0097"}]
    assert graph["https://orcid.org/0000-0002-1825-0097"]["name"] == "Ada M. Lovelace"
    assert graph["ro-crate-preview.html"]["about"] == {"@id": "./"}
    assert "<h1>Run run-1: net.py</h1>" in page


def test_the_page_shows_pictures_and_escapes_what_a_program_named(ended):  # noqa: F811
    odd = "a<script>.png"
    files = (FileRecord(path=odd, size=1, sha256="c" * 64), FileRecord(path="javascript:alert(1)", size=1, sha256="c" * 64))
    page = preview.page(ended.model_copy(update={"files": files, "metrics": {"<b>": 1.0}}))

    assert '<img src="./a%3Cscript%3E.png"' in page
    assert "<script>" not in page
    assert "<b>" not in page
    assert 'href="javascript' not in page
    assert "default-src 'none'" in page
