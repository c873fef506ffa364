"""The table of what was built."""

from pathlib import Path

from esd_build.catalogue import built
from esd_build.product.finished import Product

JUNIT = '<testsuites><testsuite tests="30" failures="{f}" errors="{e}" skipped="2">{p}</testsuite></testsuites>'
SITE = '<properties><property name="site" value="jusuf"/></properties>'


def product(**labels: str) -> Product:
    return Product(
        image="nest", environment="25.02", label="25.02", provider="spack", key="k", sha256="ab" * 32, size=150_500_000, stages={},
        labels={"eu.ebrains.esd.nest": "3.8", **labels},
    )  # fmt: skip


def put(folder: Path, found: Product) -> None:
    (folder / "nest-25.02.json").write_text(found.model_dump_json())
    (folder / "nest-25.02.provenance.json").write_text("{}")
    (folder / "nest-25.02.contract.xml").write_text(JUNIT.format(f=0, e=0, p=""))
    (folder / "nest-25.02.junit.xml").write_text(JUNIT.format(f=1, e=3, p=SITE))


def test_a_row_says_what_when_and_what_the_tests_said(tmp_path: Path) -> None:
    put(tmp_path, product())
    (row,) = built.found(tmp_path)

    assert (row.name, row.cells[2:5]) == ("nest:25.02", ("150.5", "3.8", "spack"))
    assert row.cells[6:] == ("28 passed, 2 skipped", "jusuf: 24 passed, 1 failed, 3 unknown, 2 skipped", "as the recipes say")


def test_sources_that_were_brought_are_told(tmp_path: Path) -> None:
    put(tmp_path, product(**{"eu.ebrains.esd.unverified-sources": "nest@3.8 sha256:00"}))
    assert built.found(tmp_path)[0].cells[-1] == "brought, not verified"


def test_other_rows_stay_and_the_own_one_is_replaced(tmp_path: Path) -> None:
    put(tmp_path, product())
    before = built.page("", [built.Row(("nest:25.02", *["old"] * 8)), built.Row(("nest:edge", *["kept"] * 8))])
    after = built.page(before, built.found(tmp_path))

    assert [row.name for row in built._rows(after)] == ["nest:25.02", "nest:edge"]
    assert "old" not in after
    assert built.page(after, built.found(tmp_path)) == after
