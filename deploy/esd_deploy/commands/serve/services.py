"""The command `esd-deploy services`: the services that have a record here."""

import json
from typing import Annotated

import typer
from rich.table import Table

from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.records.record import RUNS
from esd_deploy.services import nest_server, overview
from esd_deploy.several import fleet

app = typer.Typer()


@app.command()
def services(
    *,
    output: options.Output = RUNS,
    every: Annotated[bool, typer.Option("--all", "-a", help="Also services that have ended.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the sites about services that have not ended.")] = False,
    as_json: options.Json = False,
) -> None:
    """List the services that have a record here: where each is, and when it ends."""
    if refresh:
        fleet.refresh(output, nest_server.TAG)
    rows = [one.row() for one in overview.services(output, every=every)]
    if as_json:
        say(json.dumps(rows, indent=2))
        return
    table = Table("run", "site", "status", "ranks", "address", "ends in")
    for row in rows:
        table.add_row(*(str(row[name] or "") for name in ("id", "site", "status", "ranks", "url", "ends_in_s")))
    out.print(table)
