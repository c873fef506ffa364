"""The table of the images that were built: those of `dist/images/`, and the rows that earlier runs wrote. Pure but `found`."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from esd_build.product.finished import Product
from esd_build.registry import NEST_VERSION, UNVERIFIED_SOURCES

CONTRACT, VERDICTS = ".contract.xml", ".junit.xml"
"""Beside an image: what its contract test said, and what a validation at a site said."""
_COLUMNS = ("image", "built (UTC)", "MB", "NEST", "provider", "SHA-256", "contract", "sites", "sources")


@dataclass(frozen=True)
class Row:
    """One image; all cells as the page has them."""

    cells: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.cells[0]

    def __str__(self) -> str:
        return f"| {' | '.join(self.cells)} |"


def found(folder: Path) -> tuple[Row, ...]:
    """A row for each image of a folder. What is not an image's description is left out."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        try:
            product = Product.model_validate_json(path.read_text(encoding="utf-8"))
        except ValidationError:
            continue  # a provenance, a bill of materials
        when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        rows.append(row(product, when, _told(path.with_suffix(CONTRACT)), _told(path.with_suffix(VERDICTS), site=True)))
    return tuple(rows)


def row(product: Product, when: datetime, contract: str, sites: str) -> Row:
    """One image's row."""
    labels = product.labels
    nest = labels.get(NEST_VERSION, "-")
    sources = "brought, not verified" if labels.get(UNVERIFIED_SOURCES) else "as the recipes say"
    size, name = f"{product.size / 1000**2:.1f}", f"{product.image}:{product.label}"
    return Row((name, f"{when:%Y-%m-%d %H:%M}", size, nest, product.provider, f"`{product.sha256[:16]}`", contract, sites, sources))


def outcome(text: str, *, site: bool = False) -> str:
    """A JUnit file in words: `27 passed`, `25 passed, 2 failed`; with `site` the site's name before it."""
    suites = list(ET.fromstring(text).iter("testsuite"))  # noqa: S314 - a file that our own programs wrote
    counts = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    words = {"failed": counts["failures"], "unknown" if site else "errors": counts["errors"], "skipped": counts["skipped"]}
    told = ", ".join([f"{passed} passed", *(f"{count} {word}" for word, count in words.items() if count)])
    place = next((one.get("value", "") for suite in suites for one in suite.iter("property") if one.get("name") == "site"), "")
    return f"{place}: {told}" if site and place else told


def page(text: str, rows: Iterable[Row]) -> str:
    """A page with the new rows in its table, in the place of those of the same images; other rows stay."""
    kept: Mapping[str, Row] = {one.name: one for one in _rows(text)}
    table = {**kept, **{one.name: one for one in rows}}
    lines = (Row(_COLUMNS), f"|{'---|' * len(_COLUMNS)}", *(table[name] for name in sorted(table)))
    return _TITLE + "\n".join(map(str, lines)) + "\n"


_TITLE = """# Images that were built

`make built` writes this table after a build, from `dist/images/`. A pipeline does it at its end.
Rows of images that this run did not build stay.

"""


def _rows(text: str) -> Iterable[Row]:
    for line in text.splitlines():
        cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1])
        if len(cells) == len(_COLUMNS) and cells != _COLUMNS and not set(cells[0]) <= {"-"}:
            yield Row(cells)


def _told(path: Path, *, site: bool = False) -> str:
    return outcome(path.read_text(encoding="utf-8"), site=site) if path.is_file() else "-"
