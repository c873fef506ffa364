"""The command `esd-deploy list`: the runs that have a record here."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import UsageError
from esd_build.net.answers import printable
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out, printed_array
from esd_deploy.records import listing, rows
from esd_deploy.records.listing import Unreadable
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.records.rows import Cell

app = typer.Typer()
_SHOWN = ("id", "status", "ended_by", "submitted", "seconds")
"""Of the columns that every run has, those that a terminal has room for."""


@app.command("list")
def list_command(
    *,
    output: options.Output = RUNS,
    tag: Annotated[str | None, typer.Option(help="Only the runs with this tag.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the sites about runs that have not ended.")] = False,
    as_table: Annotated[bool, typer.Option("--table", help="Show parameters, times and metrics: the table of a sweep.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="The same with all columns, as a CSV file on standard output.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the runs that have a record here, with their last known state."""
    if as_table + as_csv + as_json > 1:
        raise UsageError("--table, --csv and --json: take one of them")
    if refresh:
        from esd_deploy.several import fleet  # noqa: PLC0415 - only this question needs the sites

        fleet.refresh(output, tag)
    if as_json:
        printed_array(_as_json(one) for one in listing.everything(output, tag))
    elif as_csv:
        _print_csv(_rows(output, tag))
    else:
        out.print(_wide(_rows(output, tag)) if as_table else _narrow(output, tag))


def _narrow(output: Path, tag: str | None) -> Table:
    table = Table("run", "site", "script", "status", "ended by", "image digest")
    for one in listing.everything(output, tag):
        table.add_row(*_row(one))
    return table


def _row(one: RunRecord | Unreadable) -> tuple[str, ...]:
    if isinstance(one, Unreadable):
        return (one.id, "", "", "unreadable", one.reason, "")
    ending = one.ending.kind if one.ending else ""
    return (one.id, one.site, one.name or one.script.name, one.state, ending, one.image.digest[:19] if one.image else "-")


def _rows(output: Path, tag: str | None) -> list[dict[str, Cell]]:
    """In the order of submission. One that cannot be read is told on standard error, and is no row."""
    found: list[tuple[datetime, dict[str, Cell]]] = []
    for one in listing.everything(output, tag):
        if isinstance(one, RunRecord):
            found.append((one.states[0].time, rows.row(one)))
        else:
            say(f"{one.id}: {one.reason}; left out", err=True)
    return [row for _, row in sorted(found, key=lambda timed: timed[0])]


def _wide(found: list[dict[str, Cell]]) -> Table:
    own = rows.own_columns(found)
    table = Table(*_SHOWN, *(printable(name.partition(".")[2], 100) for name in own))
    for one in found:
        table.add_row(*(_shown(one.get(name)) for name in (*_SHOWN, *own)))
    return table


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _print_csv(found: list[dict[str, Cell]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows.columns(found), lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    say(text.getvalue(), nl=False)


def _as_json(one: RunRecord | Unreadable) -> str:
    if isinstance(one, Unreadable):
        return json.dumps({"id": one.id, "status": "unreadable", "problem": one.reason}, indent=2)
    return one.model_dump_json(indent=2)
