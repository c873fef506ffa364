import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from esd_build.data.project import Project
from esd_build.product import bill, components, inventory, provenance
from esd_build.product.finished import Product
from esd_build.product.inventory import Package
from esd_build.product.provenance import Builder, Material

STATUS = """Package: gcc-14
Status: install ok installed
Architecture: amd64
Version: 14.2.0-19

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
"""
METADATA = "Metadata-Version: 2.4\nName: Py_NN\nVersion: 0.13.0\nLicense-Expression: CECILL-2.0\n\ntext\n"
SITE = "usr/local/lib/python3.13/dist-packages"
PRODUCT = Product(
    image="nest", environment="edge", label="edge", provider="debian", key="k" * 16, sha256="ab" * 32, size=10,
    stages={"nest": "k" * 16},
    labels={"eu.ebrains.esd.nest": "3.10.0", "org.opencontainers.image.description": "NEST"},
)  # fmt: skip
PACKAGES = (
    Package("deb", "gcc-14", "14.2.0-19", architecture="amd64"),
    Package("pypi", "py-nn", "0.13.0", "CECILL-2.0"),
    Package("source", "nest-simulator", "3.10.0", sha256="cd" * 32),
    Package("spack", "openmpi", "5.0.5"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "var/lib/dpkg/status": STATUS,
        "var/lib/dpkg/info/gcc-14.list": "/.\n/usr\n/usr/bin/gcc-14\n",
        f"{SITE}/py_nn-0.13.0.dist-info/METADATA": METADATA,
        f"{SITE}/py_nn-0.13.0.dist-info/RECORD": "pyNN/core.py,sha256=x,10\n",
        f"{SITE}/pyNN/core.py": "x = 1\n",
        f"{SITE}/pyNN/__pycache__/core.cpython-313.pyc": "code",
        "usr/bin/gcc-14": "elf" * 100,
        "opt/nest/lib/nest.so": "elf",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path


def test_what_the_databases_tell(root: Path) -> None:
    assert list(inventory.debian(root)) == [PACKAGES[0]]
    assert list(inventory.python(root)) == [PACKAGES[1]]


def test_what_was_compiled() -> None:
    lock = f"# why\nnest-simulator==3.10.0 --hash=sha256:{'cd' * 32}\n"
    assert list(inventory.sources(lock)) == [PACKAGES[2]]


def test_size_by_component_adds_up(root: Path) -> None:
    found = components.components(root, inventory.owners(root), 1000)
    assert {c.name for c in found} >= {"deb:gcc-14", "pypi:py-nn", "folder:/opt/nest"}
    assert abs(sum(c.packed for c in found) - 1000) <= len(found)
    assert next(c for c in found if c.name == "pypi:py-nn").files == 2  # the source, and its bytecode


def test_bill_names_everything_and_is_the_same_each_time() -> None:
    text = bill.document(PRODUCT, PACKAGES, "2026-11-20T00:00:00+00:00")
    assert text == bill.document(PRODUCT, PACKAGES, "2026-11-20T00:00:00+00:00")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    content = json.loads(text)
    assert (content["bomFormat"], content["specVersion"]) == ("CycloneDX", "1.6")
    assert content["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": PRODUCT.sha256}]
    assert {c["purl"] for c in content["components"]} == {
        "pkg:deb/debian/gcc-14@14.2.0-19?arch=amd64",
        "pkg:pypi/py-nn@0.13.0",
        "pkg:pypi/nest-simulator@3.10.0",
        "pkg:generic/spack/openmpi@5.0.5",
    }
    nest = next(c for c in content["components"] if c["name"] == "nest-simulator")
    assert nest["hashes"] == [{"alg": "SHA-256", "content": "cd" * 32}]


def test_provenance_is_an_in_toto_statement_about_the_file() -> None:
    builder = Builder("urn:test", {"apptainer": "1.4.5"}, "x86_64")
    materials = (Material("git+file:.", commit="c0ffee"), Material("pkg:pypi/py-nn@0.13.0", "ab" * 32), Material("pkg:deb/debian/gcc"))
    times = (datetime(2026, 11, 20, 8, tzinfo=UTC), datetime(2026, 11, 20, 9, tzinfo=UTC))
    content = json.loads(provenance.statement(PRODUCT, materials, builder, times))
    assert content["_type"] == "https://in-toto.io/Statement/v1"
    assert content["subject"] == [{"name": "nest-edge.sif", "digest": {"sha256": PRODUCT.sha256}}]
    definition, details = content["predicate"]["buildDefinition"], content["predicate"]["runDetails"]
    assert definition["resolvedDependencies"] == [
        {"uri": "git+file:.", "digest": {"gitCommit": "c0ffee"}},
        {"uri": "pkg:pypi/py-nn@0.13.0", "digest": {"sha256": "ab" * 32}},
        {"uri": "pkg:deb/debian/gcc"},
    ]
    assert details["metadata"]["startedOn"] == "2026-11-20T08:00:00Z"
    assert details["builder"] == {"id": "urn:test", "version": {"apptainer": "1.4.5"}}


def test_a_checkout_on_a_machine_without_git_is_of_an_unknown_state(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, project: Project
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.checkout(project) == Material("git+file:.?state=unknown")
