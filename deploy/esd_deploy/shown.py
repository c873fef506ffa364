"""The commands of `esd-deploy` that only show something: sites, site, list."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from esd_build.errors import ToolError, UsageError
from esd_deploy import options, record
from esd_deploy.catalogue import Catalogue, load_site
from esd_deploy.endpoint import resolve
from esd_deploy.settings import settings
from esd_deploy.site import RUNS

app = typer.Typer()
# A log is wide enough for a digest; a terminal is as wide as it is.
out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 120)


@app.command("list")
def list_command(*, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """The runs that have a record here, as they were last seen."""
    records = [record.load(output, run_id) for run_id in record.known(output)]
    if as_json:
        typer.echo(json.dumps([r.model_dump(mode="json") for r in records], indent=2))
        return
    table = Table("run", "site", "script", "status", "image digest")
    for r in records:
        table.add_row(r.id, r.site, r.script.name, r.status, r.image.digest if r.image else "-")
    out.print(table)


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


@app.command("site")
def site_command(name: Annotated[str, typer.Argument(help="A name from `esd-deploy sites`.")], *, as_json: options.Json = False) -> None:
    """A site's settings in effect, and where each one comes from."""
    config, file = load_site(name)
    try:
        endpoint = resolve(config)
    except (ToolError, UsageError) as error:
        endpoint = None
        print(f"esd-deploy: {error}", file=sys.stderr)
    found = settings(config, file, endpoint)
    if as_json:
        typer.echo(json.dumps({s.name: {"value": s.value, "source": s.source} for s in found}, indent=2))
        return
    table = Table("setting", "value", "from")
    for setting in found:
        table.add_row(setting.name, json.dumps(setting.value), setting.source)
    out.print(table)
