"""The runs that have a record in a folder: one record in memory at a time, and none left out because it cannot be read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from esd_build.data.errors import EsdError
from esd_deploy.records import record
from esd_deploy.records.record import RunRecord


@dataclass(frozen=True)
class Unreadable:
    """A run whose record cannot be read, with the reason."""

    id: str
    reason: str


def everything(runs: Path, tag: str | None = None) -> Iterator[RunRecord | Unreadable]:
    """The runs in a folder, oldest first. Includes every run that cannot be read, because it may have the tag."""
    for run_id in record.known(runs):
        try:
            one = record.own(runs, run_id)
        except EsdError as error:
            yield Unreadable(run_id, damage(runs, run_id, error))
        else:
            if tag is None or tag in one.tags:
                yield one


def damage(runs: Path, run_id: str, error: EsdError) -> str:
    """What is wrong with a record, in one line, where the run is named already."""
    return str(error).partition("\n")[0].removeprefix(f"{runs / run_id / record.FILE_NAME} is damaged: ")


def records(runs: Path, tag: str | None = None) -> Iterator[RunRecord]:
    """The readable records in a folder."""
    return (one for one in everything(runs, tag) if isinstance(one, RunRecord))
