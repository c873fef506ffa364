"""The commands of `esd-deploy` that only show something: sites, list."""

import json
import sys
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from esd_deploy.commands import options
from esd_deploy.runs import fleet
from esd_deploy.runs.site import RUNS
from esd_deploy.sites.catalogue import Catalogue

app = typer.Typer()
# A log is wide enough for a digest; a terminal is as wide as it is.
out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)


@app.command("list")
def list_command(
    *,
    output: options.Output = RUNS,
    tag: Annotated[str | None, typer.Option(help="Only the runs with this tag.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the sites how the runs stand that have not ended.")] = False,
    as_json: options.Json = False,
) -> None:
    """The runs that have a record here, as they were last seen."""
    if refresh:
        fleet.refresh(output, tag)
    if as_json:
        _print_array(r.model_dump_json(indent=2) for r in fleet.records(output, tag))
        return
    table = Table("run", "site", "script", "status", "ended by", "image digest")
    for r in fleet.records(output, tag):
        table.add_row(r.id, r.site, r.script.name, r.status, r.ending.kind if r.ending else "", r.image.digest[:19] if r.image else "-")
    out.print(table)


def _print_array(items: Iterable[str]) -> None:
    """A JSON array, one item after the other: thousands of records need the memory of one."""
    between = "[\n"
    for item in items:
        typer.echo(between + item, nl=False)
        between = ",\n"
    typer.echo("[]" if between == "[\n" else "\n]")


@app.command()
def sites(*, as_json: options.Json = False) -> None:
    """The sites that are configured."""
    catalogue = Catalogue.find()
    configured = [catalogue.site(name) for name in catalogue.site_names]
    if as_json:
        typer.echo(json.dumps([{"name": c.name, "kind": c.kind, "description": c.description} for c in configured], indent=2))
        return
    table = Table("site", "kind", "description")
    for config in configured:
        table.add_row(config.name, config.kind, config.description)
    out.print(table)
