"""The runs of a folder, cheaply: a record is read again only when its file has changed."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from esd_build.data.errors import EsdError
from esd_deploy.records import listing, record, rows
from esd_deploy.records.record import RunRecord
from esd_deploy.records.rows import Cell

_FRESH_S = 0.3


@dataclass(frozen=True)
class Entry:
    """What a list shows of one run. A record that cannot be read has only an id and a `problem`."""

    id: str
    row: Mapping[str, Cell] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    ended: bool = True
    succeeded: bool = False
    submitted: bool = False
    problem: str = ""

    @property
    def active(self) -> bool:
        """Whether its site has the job, and it has not ended as far as is known here."""
        return self.submitted and not self.ended

    @property
    def site(self) -> str:
        return str(self.row.get("site", ""))

    @property
    def status(self) -> str:
        return str(self.row.get("status", "unreadable"))

    @property
    def outcome(self) -> str:
        """One word for how it stands: active, succeeded, failed, unreadable, or prepared (never submitted to its end)."""
        if self.problem:
            return "unreadable"
        if not self.ended:
            return "active" if self.submitted else "prepared"
        return "succeeded" if self.succeeded else "failed"

    def fits(self, *, tag: str = "", site: str = "", outcome: str = "", text: str = "") -> bool:
        """Whether it is what somebody looks for; nothing said fits everything."""
        words = " ".join(str(value) for value in (self.id, *self.row.values()) if value is not None)
        return (
            (not tag or tag in self.tags)
            and (not site or site == self.site)
            and (not outcome or outcome == self.outcome)
            and text.casefold() in words.casefold()
        )


class Shelf:
    """All runs of a folder. Several threads may ask."""

    def __init__(self, runs: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.runs = runs
        self._clock = clock
        self._known: dict[str, tuple[tuple[int, int, int], Entry]] = {}
        self._all: tuple[float, dict[str, Entry]] | None = None
        self._lock = threading.Lock()

    def ids(self) -> list[str]:
        """The newest first; nothing is read."""
        return record.known(self.runs)[::-1]

    def entry(self, run_id: str) -> Entry:
        """One run as its record tells it now."""
        try:
            status = (self.runs / run_id / record.FILE_NAME).stat()
        except OSError as error:
            return Entry(run_id, problem=f"its record cannot be read: {error.strerror}")
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        known = self._known.get(run_id)
        if known is None or known[0] != stamp:
            known = self._known[run_id] = stamp, _read(self.runs, run_id)
        return known[1]

    def everything(self) -> Mapping[str, Entry]:
        """By id, the newest first."""
        with self._lock:
            if self._all is None or self._clock() - self._all[0] > _FRESH_S:
                found = {run_id: self.entry(run_id) for run_id in self.ids()}
                self._known = {run_id: known for run_id, known in self._known.items() if run_id in found}
                self._all = self._clock(), found
            return self._all[1]


def _read(runs: Path, run_id: str) -> Entry:
    try:
        return _entry(record.own(runs, run_id))
    except EsdError as error:
        return Entry(run_id, problem=listing.damage(runs, run_id, error))


def _entry(one: RunRecord) -> Entry:
    return Entry(one.id, rows.row(one), one.tags, one.ended, one.succeeded, one.job.url is not None)
