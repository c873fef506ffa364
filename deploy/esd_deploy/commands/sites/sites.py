"""The command `esd-deploy sites`: the sites that are configured."""

import json
from collections.abc import Iterable

import typer
from rich.table import Table

from esd_build.data.errors import ConfigError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.sites.catalogue import Catalogue, Known, read
from esd_deploy.sites.config import SiteConfig

app = typer.Typer()


@app.command()
def sites(*, as_json: options.Json = False) -> None:
    """List the configured sites: your own first (~/.config/esd-images/sites/), then those of the checkout or the package."""
    known = Catalogue.find().sites
    configured, problems = _readable(known)
    if as_json:
        say(json.dumps([_document(one, config) for one, config in configured], indent=2))
    else:
        table = Table("site", "kind", "description", "from")
        for one, config in configured:
            table.add_row(config.name, config.kind, config.description, one.origin + (f", instead of {one.hides}" if one.hides else ""))
        out.print(table)
    if problems:
        raise ConfigError("\n".join(problems))


def _readable(known: Iterable[Known]) -> tuple[list[tuple[Known, SiteConfig]], list[str]]:
    """The sites with valid files, and what is wrong with the others: a wrong file does not hide other sites."""
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
