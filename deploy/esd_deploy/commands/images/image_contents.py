"""The command `esd-deploy image-contents`: which packages an image has."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError, UsageError
from esd_build.net.words import say
from esd_build.registry import Registry
from esd_deploy.commands.shared import completion, options
from esd_deploy.commands.shared.console import out
from esd_deploy.errands import image_contents
from esd_deploy.errands.image_contents import Package

app = typer.Typer()
_SYSTEM = "deb"
_BEFORE = {"spack": "py-", _SYSTEM: "python3-"}


class NotInImageError(EsdError):
    """A requested package is not in the image (exit code 1)."""


@app.command("image-contents")
def image_contents_command(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGE] [PACKAGE]...",
            help="The image, unless --image names it; only these packages: exit code 1 if one of them is absent.",
        ),
    ] = None,
    *,
    image: options.AnyImage = None,
    site: Annotated[
        str | None,
        typer.Option(help="The site whose registry has the image; not needed for a full reference.", autocompletion=completion.sites),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the operating system's packages.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON array on standard output.")] = False,
) -> None:
    """List the packages of an image, from the bill of materials in its registry. Runs nothing and downloads no image."""
    source = context.get_parameter_source("image")
    named, packages = split(words or (), image, given=source is not None and source.name == "COMMANDLINE")
    reference, authority = image_contents.find(named, site)
    there = image_contents.read(reference, Registry(reference.registry, ca_file=authority))
    shown = chosen(there, packages, everything=everything)
    if as_json:
        say(json.dumps([asdict(one) for one in shown], indent=2))
    else:
        out.print(table(str(reference), shown))
    absent = [name for name in packages if not chosen(there, (name,), everything=True)]
    if absent:
        raise NotInImageError(f"{reference} has no {', '.join(absent)}")


def split(words: Sequence[str], image: str | None, *, given: bool) -> tuple[str, Sequence[str]]:
    """The image and the packages. `image` is --image (`given`) or $EBRAINS_ESD_IMAGE.

    A first word that can only be an image comes before the variable.
    Raises UsageError if nothing names an image.
    """
    first = words[0] if words else None
    if first and not given and (image is None or any(mark in first for mark in "/:@")):
        return first, words[1:]
    if image is None:
        raise UsageError(f"name an image: image-contents nest:25.04, or --image, or ${options.IMAGE_VARIABLE}")
    return image, words


def chosen(there: Sequence[Package], names: Sequence[str], *, everything: bool) -> list[Package]:
    """The packages of these names, of any origin; without names, all except the operating system's."""
    if names:
        wanted = {_normal(name) for name in names}
        return [one for one in there if wanted & _names(one)]
    return [one for one in there if everything or one.origin != _SYSTEM]


def _names(package: Package) -> set[str]:
    """What users call it: Spack and Debian put a word before the names of Python packages."""
    name, before = _normal(package.name), _BEFORE.get(package.origin, "")
    return {name, name.removeprefix(before)}


def _normal(name: str) -> str:
    """The name as PyPI compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def table(title: str, packages: Sequence[Package]) -> Table:
    """One row a package."""
    result = Table("package", "version", "from", "licence", title=title, title_justify="left")
    for one in packages:
        result.add_row(one.name, one.version, one.origin, one.licence or "")
    return result
