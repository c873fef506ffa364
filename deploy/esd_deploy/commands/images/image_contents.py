"""The command `esd-deploy image-contents`: which packages an image has."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError
from esd_build.net.words import say
from esd_build.registry import Registry
from esd_deploy.commands.shared import completion, options
from esd_deploy.commands.shared.console import out
from esd_deploy.errands import image_contents
from esd_deploy.errands.image_contents import Package

app = typer.Typer()
_SYSTEM = "deb"


class NotInImageError(EsdError):
    """A requested package is not in the image (exit code 1)."""


@app.command("image-contents")
def image_contents_command(
    packages: Annotated[list[str] | None, typer.Argument(help="Only these; exit code 1 if one of them is not in the image.")] = None,
    *,
    image: options.NeededImage,
    site: Annotated[
        str | None,
        typer.Option(help="The site whose registry has the image; not needed for a full reference.", autocompletion=completion.sites),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the operating system's packages.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON array on standard output.")] = False,
) -> None:
    """List the packages of an image, from the bill of materials in its registry. Runs nothing and downloads no image."""
    reference, authority = image_contents.find(image, site)
    there = image_contents.read(reference, Registry(reference.registry, ca_file=authority))
    shown = chosen(there, packages or (), everything=everything)
    if as_json:
        say(json.dumps([asdict(one) for one in shown], indent=2))
    else:
        out.print(table(str(reference), shown))
    absent = [name for name in packages or () if not chosen(there, (name,), everything=True)]
    if absent:
        raise NotInImageError(f"{reference} has no {', '.join(absent)}")


def chosen(there: Sequence[Package], names: Sequence[str], *, everything: bool) -> list[Package]:
    """The packages of these names, of any origin; without names, all except the operating system's."""
    if names:
        wanted = {_normal(name) for name in names}
        return [one for one in there if _normal(one.name) in wanted]
    return [one for one in there if everything or one.origin != _SYSTEM]


def _normal(name: str) -> str:
    """The name as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def table(title: str, packages: Sequence[Package]) -> Table:
    """One row a package."""
    result = Table("package", "version", "from", "licence", title=title, title_justify="left")
    for one in packages:
        result.add_row(one.name, one.version, one.origin, one.licence or "")
    return result
