"""Many runs of one site: as a sequence, a table in a notebook, a data frame."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from esd_build.data.errors import UsageError
from esd_deploy.backends.connection import Connection
from esd_deploy.display import tables
from esd_deploy.records import record, rows
from esd_deploy.records.record import RunRecord
from esd_deploy.runs.run import Run

Open = Callable[[str, Connection], Run]
_SHOWN = ("id", "script", "status", "submitted", "seconds")
_MOST_SHOWN = 100


class Runs:
    """The runs with these ids, all at one site. Connects to the site once, when a question needs it."""

    def __init__(self, ids: Sequence[str], folder: Path, connect: Callable[[], Connection], open_run: Open) -> None:
        self.ids = tuple(ids)
        self._folder, self._connect, self._open = folder, connect, open_run
        self._connection: Connection | None = None

    @property
    def records(self) -> list[RunRecord]:
        """The records on this machine; does not ask the site."""
        return [record.own(self._folder, run_id) for run_id in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Run]:
        return (self._run(run_id) for run_id in self.ids)

    def __getitem__(self, number: int) -> Run:
        return self._run(self.ids[number])

    def refresh(self) -> "Runs":
        """Ask the site about the runs that have not ended."""
        for one in self.records:
            if not one.ended and one.job.url:
                self._run(one.id).refresh()
        return self

    def wait(self) -> "Runs":
        """Wait until all runs have ended and fetch their results. A failed job does not raise."""
        for one in self:
            if not one.record.complete:
                one.resume()
                one.wait()
        return self

    def to_pandas(self) -> Any:
        """A data frame with a row for each run and the columns of `esd-deploy list --csv`. Raises UsageError if pandas is not installed."""
        try:
            import pandas as pd  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: PLC0415 - only who has it needs it
        except ImportError as error:
            raise UsageError("to_pandas needs pandas: `pip install pandas`; `records` and `esd-deploy list --csv` do not") from error
        found = [rows.row(one) for one in self.records]
        return pd.DataFrame(found, columns=rows.columns(found))

    def __repr__(self) -> str:
        ended = sum(one.ended for one in self.records)
        return f"<{len(self.ids)} runs in {self._folder}, {ended} ended>"

    def _repr_html_(self) -> str:
        found = [rows.row(record.own(self._folder, run_id)) for run_id in self.ids[-_MOST_SHOWN:]]
        shown = (*_SHOWN, *rows.own_columns(found))
        head = [name.removeprefix(rows.PARAMETER).removeprefix(rows.METRIC) for name in shown]
        first = f", the last {_MOST_SHOWN}" if len(self.ids) > _MOST_SHOWN else ""
        return tables.table(f"{len(self.ids)} runs{first}", [[one.get(name) for name in shown] for one in found], head)

    def _run(self, run_id: str) -> Run:
        if self._connection is None:
            self._connection = self._connect()
        return self._open(run_id, self._connection)
