"""The commands `esd-deploy site S` and `esd-deploy site probe S`: what is configured, and what the site itself reports."""

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from typer.core import TyperGroup

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.commands.sites import site_init
from esd_deploy.errands import probe
from esd_deploy.plans.limits import settled
from esd_deploy.runs.site import Site
from esd_deploy.sites.catalogue import load_site
from esd_deploy.sites.endpoint import resolve
from esd_deploy.sites.settings import settings


class _OrShow(TyperGroup):
    """`site probe S` is a command; `site S` means `site show S`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if args and args[0] in self.commands else ["show", *args])

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """After TAB: the commands, and the arguments of `show`."""
        return [*super().shell_complete(ctx, incomplete), *self.commands["show"].params[0].shell_complete(ctx, incomplete)]


app = typer.Typer(cls=_OrShow, no_args_is_help=True, help="Show a site's settings, ask the site about itself, or describe a new one.")
app.command("init")(site_init.init)


@app.command("show")
def show(name: options.SiteWord, *, as_json: options.Json = False) -> None:
    """Show a site's settings in effect, where each one comes from, and how sure it is. `esd-deploy site S` does the same."""
    config, file = load_site(name)
    try:
        endpoint = resolve(config)
    except (ToolError, UsageError) as error:
        endpoint = None
        say(f"esd-deploy: {error}", err=True)
    found = settings(config, file, endpoint)
    if as_json:
        say(json.dumps({s.name: s.document for s in found}, indent=2))
        return
    table = Table("setting", "value", "from", "how sure")
    for setting in found:
        table.add_row(setting.name, json.dumps(setting.value), setting.source, str(setting.evidence or ""))
    out.print(table)


@app.command("probe")
def probe_command(
    name: options.SiteWord,
    *,
    compute: Annotated[bool, typer.Option(help="Also ask a compute node, with a job of a few seconds.")] = True,
    partition: options.PartitionName = None,
    account: options.Account = None,
    as_json: options.Json = False,
) -> None:
    """Ask a site about itself, keep the answer for later checks, and print what its file should say instead."""
    place = Site.load(name)
    found = probe.ask(place.connect(), settled(place.config, partition, account), compute=compute)
    path = probe.save(place.config.name, place.endpoint.server, found)
    patch = probe.differences(place.config, found)
    if as_json:
        say(json.dumps({"probe": found.model_dump(mode="json"), "patch": {one.key: one.plain for one in patch}}, indent=2))
        return
    table = Table("asked", "answer", title=f"{place.config.name}, {found.time:%Y-%m-%d %H:%M} UTC", title_justify="left")
    for key, value in found.model_dump(mode="json", exclude={"time"}).items():
        table.add_row(key.replace("_", " "), "unknown" if value in (None, [], {}) else json.dumps(value))
    out.print(table)
    out.print(f"kept for the preflight: {path}")
    lines = [f"{one.key}: {json.dumps(one.plain)}" for one in patch]
    out.print("\n".join((f"site-configs/{place.config.name}.yaml should say:", *lines)) if lines else "nothing contradicts the site's file")
