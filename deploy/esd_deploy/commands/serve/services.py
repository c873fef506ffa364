"""The command `esd-deploy services`: the services that have a record here."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.records import listing
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.services import nest_server, standing
from esd_deploy.services.standing import Address
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
    found = [one for one in listing.records(output, nest_server.TAG) if every or not one.ended]
    if as_json:
        say(json.dumps([_row(output, one) for one in found], indent=2))
        return
    table = Table("run", "site", "status", "ranks", "address", "ends in")
    for one in found:
        row = _row(output, one)
        table.add_row(one.id, one.site, one.status, *(str(row[name] or "") for name in ("ranks", "url", "ends_in_s")))
    out.print(table)


def _row(output: Path, one: RunRecord) -> dict[str, str | int | None]:
    known = None if one.ended else _address(output / one.id)
    left = None if known is None or known.ends is None else max(0, int((known.ends - datetime.now(UTC)).total_seconds()))
    about = {"url": known.url if known else None, "ranks": known.ranks if known else None}
    return {"id": one.id, "site": one.site, "status": one.status, **about, "ends_in_s": left}


def _address(folder: Path) -> Address | None:
    try:
        return standing.address_of(folder)
    except EsdError:
        return None
