"""What is in an image, by its bill of materials."""

import json
from types import SimpleNamespace

import pytest
from tests.esd_deploy.conftest import DATA

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_deploy.cli import main
from esd_deploy.commands.images import image_contents as command
from esd_deploy.errands import image_contents
from esd_deploy.errands.image_contents import Package

REFERENCE = ImageReference.parse("registry.example.org/esd/nest:edge")
BILL = json.dumps(
    {
        "components": [
            {
                "name": "numpy",
                "version": "2.5.5",
                "properties": [{"name": "eu.ebrains.esd.origin", "value": "pypi"}],
                "licenses": [{"expression": "BSD-3-Clause"}],
            },
            {"name": "adduser", "version": "3.152", "properties": [{"name": "eu.ebrains.esd.origin", "value": "deb"}]},
            {"name": "NEST-simulator", "version": "3.10.0", "properties": [{"name": "eu.ebrains.esd.origin", "value": "source"}]},
        ]
    }
).encode()


class Registry:
    """One image with two attachments; the newest bill counts."""

    def __init__(self, *documents):
        self.documents = documents

    def attachments(self, _reference):
        return [SimpleNamespace(artifact_type=kind, text=text) for kind, text in self.documents]

    def read(self, _reference, attachment):
        return attachment.text


def test_the_packages_come_by_name_with_their_origin():
    found = image_contents.read(REFERENCE, Registry(("application/other", b"x"), (image_contents.BILL_TYPE, BILL)))

    assert found == (
        Package("adduser", "3.152", "deb"),
        Package("NEST-simulator", "3.10.0", "source"),
        Package("numpy", "2.5.5", "pypi", "BSD-3-Clause"),
    )


def test_an_image_without_a_bill_says_who_attaches_one():
    with pytest.raises(ToolError, match=r"nest:edge has no bill of materials .*`esd-build push` attaches one"):
        image_contents.read(REFERENCE, Registry(("application/other", b"x")))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"components": [1]}', b'{"components": [{"version": "1"}]}', b"\xff"])
def test_a_bill_that_is_none_is_an_error(text):
    with pytest.raises(ToolError, match="is not a CycloneDX document"):
        image_contents.understood(text, "here")


def test_a_name_needs_a_site_and_a_whole_reference_none():
    with pytest.raises(UsageError, match="'nest' names no registry"):
        image_contents.find("nest", None)

    assert image_contents.find(str(REFERENCE), None) == (REFERENCE, None)


def test_a_sites_registry_is_found_without_its_credentials():
    reference, _ = image_contents.find("nest", str(DATA / "valid.yaml"))

    assert reference.repository.endswith("/nest")


@pytest.fixture
def call(capsys, monkeypatch):
    """The command, with a registry in memory; its exit code and its output."""
    monkeypatch.setattr(command, "Registry", lambda *_, **__: Registry((image_contents.BILL_TYPE, BILL)))

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["image-contents", "--image", str(REFERENCE), *arguments])
        return ended.value.code, *capsys.readouterr()

    return call


def test_the_operating_systems_packages_only_on_request(call):
    assert [one["name"] for one in json.loads(call("--json")[1])] == ["NEST-simulator", "numpy"]
    assert len(json.loads(call("--json", "--all")[1])) == 3


def test_a_package_that_is_not_there_is_named(call):
    code, out, err = call("nest_simulator", "matplotlib")

    assert code == 1
    assert "3.10.0" in out
    assert err == f"esd-deploy: {REFERENCE} has no matplotlib\n"


ANY = "127.0.0.1:5000/esd/nest:edge"


@pytest.mark.parametrize(
    ("words", "image", "given", "found"),
    [
        (["nest:24.10"], None, False, ("nest:24.10", [])),
        (["nest", "numpy"], None, False, ("nest", ["numpy"])),
        (["numpy"], "nest", True, ("nest", ["numpy"])),
        (["numpy"], "nest", False, ("nest", ["numpy"])),
        ([ANY, "numpy"], "nest", False, (ANY, ["numpy"])),
        ([], "nest", False, ("nest", [])),
    ],
)
def test_the_first_word_may_be_the_image(words, image, given, found):
    assert command.split(words, image, given=given) == found


def test_without_an_image_it_says_how_to_name_one():
    with pytest.raises(UsageError, match=r"image-contents nest:25\.04"):
        command.split([], None, given=False)


def test_spacks_and_debians_names_of_python_packages_are_known():
    there = (Package("py-nestml", "7.0.2", "spack"), Package("python3-numpy", "1.24.2", "deb"), Package("py-odd", "1", "pypi"))

    assert [one.name for one in command.chosen(there, ("nestml", "NumPy", "odd"), everything=False)] == ["py-nestml", "python3-numpy"]
    assert [one.name for one in command.chosen(there, ("py-nestml", "py_odd"), everything=False)] == ["py-nestml", "py-odd"]
