"""The page of a research object for people, `ro-crate-preview.html`: what ran, where, in what, with which result."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from esd_deploy.display.templates import templates
from esd_deploy.records import outcome
from esd_deploy.records.record import RunRecord
from esd_deploy.studies.citation import Author

_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"})


def page(record: RunRecord, authors: Sequence[Author] = (), license_url: str | None = None) -> str:
    """Self-contained HTML; pictures and files are those beside it. What a site or a program said is escaped and runs nothing."""
    template = templates("esd_deploy.studies").get_template("crate.html.j2")
    pictures = [one.path for one in record.files if PurePosixPath(one.path).suffix.lower() in _PICTURES]
    return template.render(record=record, rows=outcome.rows(record), authors=authors, license_url=license_url, pictures=pictures)
