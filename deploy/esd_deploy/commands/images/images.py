"""The command `esd-deploy images S`: the image cache at a site."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError, UsageError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.errands import image_cache
from esd_deploy.errands.image_cache import Action, ImageCache
from esd_deploy.plans.image import Memory
from esd_deploy.plans.limits import settled
from esd_deploy.runs.site import Site

app = typer.Typer()
_DAMAGED = "were damaged and were removed: {}; the next run pulls them again. Do not rely on runs that used them"
_LEFT = "are still there, and jobs may use them: {}; look at them on the login node and remove the broken ones"


class DamagedImageError(EsdError):
    """A cached image does not have the digest in its name, or could not be read or removed (exit code 1)."""


@app.command()
def images(
    site: options.SiteWord,
    *,
    check: Annotated[
        bool,
        typer.Option("--check", help="Hash each file again. Remove and name damaged files, name unreadable ones; exit code 1 for both."),
    ] = False,
    gc: Annotated[bool, typer.Option("--gc", help="Remove images that nobody used for --keep-days, and the rest of failed pulls.")] = False,
    keep_days: Annotated[int, typer.Option(min=0, help="With --gc: days since an image was last used.")] = 30,
    account: options.Account = None,
    as_json: options.Json = False,
) -> None:
    """List the images that a site keeps for jobs; --check and --gc maintain them."""
    if check and gc:
        raise UsageError("give --check or --gc, not both")
    action: Action = "check" if check else "gc" if gc else "list"
    place = Site.load(site)
    found = image_cache.ask(place.connect(), settled(place.config, account=account), action, keep_days=keep_days)
    if as_json:
        say(json.dumps(asdict(found), indent=2, default=str))
    else:
        _show(found, Memory.of_user().names)
    _require_whole(found, site)


def _require_whole(found: ImageCache, site: str) -> None:
    damaged = [f"sha256:{one.sha256}" for one in found.images if one.damaged]
    left = [f"sha256:{one.sha256} ({one.state})" for one in found.images if one.left]
    told = [
        f"{len(names)} of {len(found.images)} images {text.format(', '.join(names))}"
        for text, names in ((_DAMAGED, damaged), (_LEFT, left))
        if names
    ]
    if told:
        raise DamagedImageError(f"site '{site}', {found.folder}: {'. '.join(told)}")


def _show(found: ImageCache, names: Mapping[str, str]) -> None:
    table = Table(
        "SIF digest", "image", "MB", "last used (UTC)", "", title=f"{found.folder}: {found.free / 1e9:,.1f} GB free", title_justify="left"
    )
    for one in found.images:
        digest = f"sha256:{one.sha256}"
        table.add_row(digest, names.get(digest, ""), f"{one.size / 1e6:,.0f}", f"{one.used:%Y-%m-%d %H:%M}", one.state)
    out.print(table)
