"""Commands of esd-build about images on this machine: size, sbom, verify, cache."""

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build import verification
from esd_build.building import shelf
from esd_build.building.cache import Cache
from esd_build.commands.opening import AsJson, EnvironmentName, ImageName, ProviderName, TargetName, built, open_factory
from esd_build.data.errors import EsdError, UsageError
from esd_build.data.paths import shown
from esd_build.net.words import SafeConsole, say
from esd_build.product import components, finished, inventory, papers
from esd_build.product import oci as twins
from esd_build.product.contents import Reader
from esd_build.program.renamed import formerly
from esd_build.tools.containers import Engine
from esd_build.tools.process import Account, remove_as

app = typer.Typer()
cache_app = typer.Typer(no_args_is_help=True, help="Show or prune what is kept between builds.")
app.add_typer(cache_app, name="cache")
_MB, _GB = 1000**2, 1000**3


class NotReproducedError(EsdError):
    """The image was built again and is not the same (exit code 1)."""


@app.command()
def size(
    image: ImageName,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    rows: Annotated[int, typer.Option(help="How many components to list.")] = 25,
    as_json: AsJson = False,
) -> None:
    """Show how much of an image each package takes. Shares of the compressed file are estimates."""
    factory, recipe = open_factory(image, env, provider, target)
    file = built(factory.project, recipe, factory.environment)
    with tempfile.TemporaryDirectory(dir=factory.cache.root / "temporary", prefix="size-") as folder:
        factory.cache.account.own(Path(folder))
        root = Reader(factory.cache.account).unpack(file, Path(folder) / "root")
        found = components.components(root, inventory.owners(root), file.stat().st_size)
        remove_as(factory.cache.account, [root])
    if as_json:
        say(json.dumps([vars(component) for component in found], indent=2))
        return
    table = Table("component", "files", "unpacked MB", "of the image MB")
    for component in found[:rows]:
        table.add_row(component.name, str(component.files), f"{component.unpacked / _MB:.1f}", f"{component.packed / _MB:.1f}")
    rest = found[rows:]
    if rest:
        table.add_row(f"{len(rest)} more", *_sums(rest), end_section=True)
    table.add_row("all", *_sums(found))
    SafeConsole().print(table)


@app.command()
def sbom(image: ImageName, env: EnvironmentName = "edge", provider: ProviderName = None, target: TargetName = None) -> None:
    """Print the bill of materials of a built image (CycloneDX, JSON); the file is beside the image, and `push` attaches it."""
    factory, recipe = open_factory(image, env, provider, target)
    file = built(factory.project, recipe, factory.environment)
    path = file.with_suffix(papers.BILL)
    if not path.is_file():
        raise UsageError(f"{shown(path)} does not exist; `make image IMAGE={image} ENV={env}` writes it")
    finished.read(file)
    say(path.read_text(encoding="utf-8"), nl=False)


@app.command()
def verify(
    image: ImageName,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    against: Annotated[Path | None, typer.Option(help="Compare with this image instead of building again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Build an image again from nothing and compare it, file by file, with the one in dist/images/."""
    factory, recipe = open_factory(image, env, provider, target)
    file = built(factory.project, recipe, factory.environment)
    again = against or verification.rebuild(factory, recipe)
    try:
        outcome = verification.compare_images(file, again, Reader(factory.cache.account), factory.cache.root / "temporary")
    finally:
        if against is None:
            verification.clean(factory)
    if as_json:
        say(json.dumps(dataclasses.asdict(outcome), indent=2))
    else:
        for line in outcome.lines:
            say(line)
    if outcome.differences:
        raise NotReproducedError(f"{shown(file)}: {len(outcome.differences)} of {outcome.files} files differ")


@app.command()
def oci(
    image: ImageName,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    name: Annotated[str | None, typer.Option(help="Name of the OCI image; default: localhost/esd/<image>:<environment>.")] = None,
    push: Annotated[bool, typer.Option("--push", help="Push it to the registry in its name.")] = False,
) -> None:
    """Make the same image for Docker or Podman, in their store; prints its name and identifier."""
    factory, recipe = open_factory(image, env, provider, target)
    file = built(factory.project, recipe, factory.environment)
    name = name or f"localhost/esd/{recipe.name}:{factory.environment.label}"
    with Engine.connect() as engine:
        twin = twins.make(file, name, factory.cache, factory.apptainer, engine)
        if push:
            say(f"pushed as {engine.push(twin.name)}", err=True)
    say(f"{twin.name} {twin.identifier}")


@cache_app.command("list")
def list_cache(as_json: AsJson = False) -> None:
    """List the kept files, the last used first."""
    cache = Cache.open(Account.current())
    entries = shelf.kept(cache)
    if as_json:
        say(json.dumps([{**vars(entry), "path": str(entry.path)} for entry in entries], indent=2))
        return
    for entry in entries:
        say(f"{entry.size / _MB:>9.1f} MB  {entry.when:%Y-%m-%d %H:%M}  {entry.kind:<9} {entry.path.relative_to(cache.root)}")
    total = sum(entry.size for entry in entries)
    free = shutil.disk_usage(cache.root).free
    say(f"{total / _GB:.1f} of {shelf.limit() / _GB:.0f} GB ({shelf.LIMIT_VARIABLE}) in {cache.root}; {free / _GB:.0f} GB free there")


cache_app.command("ls", hidden=True)(formerly("esd-build cache ls", "esd-build cache list", list_cache))


@cache_app.command()
def prune(
    everything: Annotated[bool, typer.Option("--all", help="Remove all but what Spack keeps.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove the longest unused files until the cache is within its limit."""
    cache = Cache.open(Account.current())
    with cache.lock:
        going = shelf.surplus(shelf.kept(cache), 0 if everything else shelf.limit())
        for entry in going:
            say(f"{'would remove' if dry_run else 'removed'} {entry.path.relative_to(cache.root)} ({entry.size / _MB:.1f} MB)")
        if not dry_run:
            shelf.remove(cache, going)
    say(f"{sum(entry.size for entry in going) / _GB:.1f} GB {'would be' if dry_run else 'were'} freed")


def _sums(found: Sequence[components.Component]) -> tuple[str, str, str]:
    unpacked, packed = sum(c.unpacked for c in found), sum(c.packed for c in found)
    return str(sum(c.files for c in found)), f"{unpacked / _MB:.1f}", f"{packed / _MB:.1f}"
