"""Records kept by id: in memory, and as one JSON file each, replaced atomically."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import write

_log = logging.getLogger("esd_localsite.unicore")


class UnkeptError(LocalSiteError):
    """A record that would not survive a restart, and therefore is not kept."""


class Record(BaseModel):
    """A stored value. Immutable, so readers need no lock."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    id: str
    created: datetime


R = TypeVar("R", bound=Record)


class Shelf(Generic[R]):
    """All records of one kind, oldest first."""

    def __init__(self, folder: Path, kind: type[R]) -> None:
        """An unreadable record is set aside and logged: it does not vanish silently, and does not block the others."""
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = (_read(path, kind) for path in folder.glob("*.json"))
        read = sorted((record for record in found if record is not None), key=lambda record: record.created)
        self._records: dict[str, R] = {record.id: record for record in read}
        self._sizes = {path.stem: path.stat().st_size for path in folder.glob("*.json")}

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self._records.values()))

    def get(self, record_id: str) -> R | None:
        return self._records.get(record_id)

    def save(self, record: R) -> None:
        """Write the record to disk before clients can see it, so that what they saw survives a crash."""
        text = _readable(record)
        write(self._folder / f"{record.id}.json", text, mode=0o600, durable=True)
        self._records[record.id] = record
        self._sizes[record.id] = len(text)

    def show(self, record: R) -> None:
        """Show the record without writing it: for values that change often and do not matter after a restart."""
        self._records[record.id] = record

    def size(self, records: Iterable[R]) -> int:
        """The size of these records in characters."""
        return sum(self._sizes.get(record.id, 0) for record in records)

    def remove(self, record_id: str) -> None:
        self._records.pop(record_id, None)
        self._sizes.pop(record_id, None)
        (self._folder / f"{record_id}.json").unlink(missing_ok=True)


def _readable(record: Record) -> str:
    """The record as text, after a test that it can be read back. Raises UnkeptError if it cannot."""
    try:
        text = record.model_dump_json(warnings="none")
        type(record).model_validate_json(text)
    except (ValueError, RecursionError) as error:
        raise UnkeptError(f"this cannot be stored ({type(error).__name__}): {record.id}") from error
    return text


def _read(path: Path, kind: type[R]) -> R | None:
    try:
        return kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        aside = path.parent / "set-aside" / path.name
        _log.error("cannot read the record %s; it is set aside as %s: %s", path, aside, str(error)[:500])
        aside.parent.mkdir(exist_ok=True, mode=0o700)
        path.replace(aside)
        return None
