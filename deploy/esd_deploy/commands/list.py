"""The command `esd-deploy list`: the runs that have a record here."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from esd_build.net.words import say
from esd_deploy.commands import options
from esd_deploy.commands.console import out
from esd_deploy.records.record import RunRecord
from esd_deploy.runs import fleet
from esd_deploy.runs.fleet import Unreadable
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command("list")
def list_command(
    *,
    output: options.Output = RUNS,
    tag: Annotated[str | None, typer.Option(help="Only the runs with this tag.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the sites about runs that have not ended.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the runs that have a record here, with their last known state."""
    if refresh:
        fleet.refresh(output, tag)
    if as_json:
        _print_array(_as_json(one) for one in fleet.everything(output, tag))
        return
    table = Table("run", "site", "script", "status", "ended by", "image digest")
    for one in fleet.everything(output, tag):
        table.add_row(*_row(one))
    out.print(table)


def _row(one: RunRecord | Unreadable) -> tuple[str, ...]:
    if isinstance(one, Unreadable):
        return (one.id, "", "", "unreadable", one.reason, "")
    ending = one.ending.kind if one.ending else ""
    return (one.id, one.site, one.name or one.script.name, one.status, ending, one.image.digest[:19] if one.image else "-")


def _as_json(one: RunRecord | Unreadable) -> str:
    if isinstance(one, Unreadable):
        return json.dumps({"id": one.id, "status": "unreadable", "problem": one.reason}, indent=2)
    return one.model_dump_json(indent=2)


def _print_array(items: Iterable[str]) -> None:
    """A JSON array, one item after the other: thousands of records need the memory of one."""
    between = "[\n"
    for item in items:
        say(between + item, nl=False)
        between = ",\n"
    say("[]" if between == "[\n" else "\n]")
