"""The tags that an image gets: one that moves with each build, and one that never does. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from esd_build.product.finished import Product

_IMMUTABLE = re.compile(r"(?P<moving>.+)-(?P<day>\d{8})-(?P<content>[0-9a-f]{8})")
_CREATED = "org.opencontainers.image.created"
_BUILD_DATE = "org.label-schema.build-date"
"""What Apptainer writes: `Saturday_21_November_2026_7:41:17_UTC`."""


@dataclass(frozen=True)
class Tags:
    """`<label>`, and `<label>-<yyyymmdd>-<first 8 digits of the SIF file's sha256>`, with the label of the file's name."""

    moving: str
    immutable: str

    @property
    def explanation(self) -> tuple[tuple[str, str], ...]:
        """Each tag, and what it is for."""
        return (
            (self.moving, "moves: always the newest image of this environment; for people"),
            (self.immutable, "immutable: this very image, by the day of its build and its content; for records and job scripts"),
        )


def tags_of(product: Product, file: Path) -> Tags:
    """The tags of a finished image: the same image has the same tags, whenever it is pushed."""
    day = built_on(product.labels) or datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
    return Tags(product.label, f"{product.label}-{day:%Y%m%d}-{product.sha256[:8]}")


def is_immutable(tag: str) -> bool:
    """Whether a tag has the form of those that never change."""
    return _IMMUTABLE.fullmatch(tag) is not None


def moving_of(tag: str) -> str | None:
    """The moving tag that an immutable one belongs to; None for any other tag."""
    match = _IMMUTABLE.fullmatch(tag)
    return match["moving"] if match else None


def built_on(labels: Mapping[str, str]) -> date | None:
    """The day (UTC) of a build, as the image's labels tell it."""
    try:
        return datetime.fromisoformat(labels[_CREATED]).astimezone(UTC).date()
    except (KeyError, ValueError, OverflowError):
        pass
    try:
        return datetime.strptime(labels[_BUILD_DATE], "%A_%d_%B_%Y_%H:%M:%S_%Z").replace(tzinfo=UTC).date()
    except (KeyError, ValueError):
        return None
