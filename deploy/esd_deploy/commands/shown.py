"""The commands of `esd-deploy` that only show something: sites, list."""

import json
import sys
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from esd_build.data.errors import ConfigError
from esd_deploy.commands import options
from esd_deploy.runs import fleet
from esd_deploy.runs.fleet import Unreadable
from esd_deploy.runs.record import RunRecord
from esd_deploy.runs.site import RUNS
from esd_deploy.sites.catalogue import Catalogue, Known, read
from esd_deploy.sites.config import SiteConfig

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
    return (one.id, one.site, one.script.name, one.status, ending, one.image.digest[:19] if one.image else "-")


def _as_json(one: RunRecord | Unreadable) -> str:
    if isinstance(one, Unreadable):
        return json.dumps({"id": one.id, "status": "unreadable", "problem": one.reason}, indent=2)
    return one.model_dump_json(indent=2)


def _print_array(items: Iterable[str]) -> None:
    """A JSON array, one item after the other: thousands of records need the memory of one."""
    between = "[\n"
    for item in items:
        typer.echo(between + item, nl=False)
        between = ",\n"
    typer.echo("[]" if between == "[\n" else "\n]")


@app.command()
def sites(*, as_json: options.Json = False) -> None:
    """The sites that are configured: your own first, in ~/.config/esd-images/sites/, then those of the checkout or the package."""
    known = Catalogue.find().sites
    configured, problems = _readable(known)
    if as_json:
        typer.echo(json.dumps([_document(one, config) for one, config in configured], indent=2))
    else:
        table = Table("site", "kind", "description", "from")
        for one, config in configured:
            table.add_row(config.name, config.kind, config.description, one.origin + (f", instead of {one.hides}" if one.hides else ""))
        out.print(table)
    if problems:
        raise ConfigError("\n".join(problems))


def _readable(known: Iterable[Known]) -> tuple[list[tuple[Known, SiteConfig]], list[str]]:
    """The sites whose files are right, and what is wrong with the others: one wrong file hides no site."""
    configured, problems = [], []
    for one in known:
        try:
            configured.append((one, read(one)))
        except ConfigError as error:
            problems.append(str(error))
    return configured, problems


def _document(one: Known, config: SiteConfig) -> dict[str, str]:
    told = {"name": config.name, "kind": config.kind, "description": config.description, "origin": one.origin, "file": str(one.file)}
    return {**told, "hides": str(one.hides)} if one.hides else told
