"""The commands `esd-build esd …`: our releases against the real manifest of the EBRAINS Software Distribution."""

from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.data.project import Environment, Project
from esd_build.providers.spack.checkout import git
from esd_build.providers.spack.environment import pins_text
from esd_build.providers.spack.manifest import Difference, Manifest, differences, rewritten

app = typer.Typer(no_args_is_help=True, help="Compare our releases with the real manifest of the EBRAINS Software Distribution.")

Checkout = Annotated[Path, typer.Argument(metavar="PATH", help="a checkout of ebrains-spack-builds")]
System = Annotated[str | None, typer.Option("--system", help="A folder of its site-config/ whose requirements count too.")]


@app.command("import")
def import_manifest(
    path: Checkout,
    release: Annotated[str, typer.Option(help="The release that this manifest belongs to.")],
    system: System = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Take the versions of a manifest over into release.yaml, with evidence `manifest`. The lock is then to be made anew."""
    project = Project.find(Path.cwd())
    environment = project.environment(release)
    manifest = Manifest.read(path, system)
    _print(differences(environment, manifest))
    if dry_run:
        return
    file = environment.folder / "release.yaml"
    file.write_text(rewritten(environment, manifest, commit_of(path)))
    renewed = project.environment(release)
    (environment.folder / "pins.yaml").write_text(pins_text(renewed))
    confirmed = sum(pin.certainty == "primary" for pin in renewed.pins.values())
    typer.echo(
        f"{file.relative_to(project.root)}: {confirmed} of {len(renewed.pins)} pins are the manifest's; now: make spack-lock ENV={release}"
    )


@app.command()
def diff(release: Annotated[str, typer.Argument(metavar="RELEASE")], path: Checkout, system: System = None) -> None:
    """Say where a release differs from the real manifest. Exit code 1 if it does."""
    environment = _release(release)
    found = differences(environment, Manifest.read(path, system))
    _print(found)
    certain = [difference for difference in found if difference.is_certain]
    unknown = len(found) - len(certain)
    pinned = sum(pin.package is not None for pin in environment.pins.values())
    typer.echo(f"{release}: {pinned - len(found)} of {pinned} pins as in the manifest, {len(certain)} otherwise, {unknown} unknown")
    raise typer.Exit(1 if certain else 0)


def commit_of(path: Path) -> str:
    """The commit of a checkout, for the evidence; raises UsageError where it is not a git checkout."""
    finished = git(path, "rev-parse", "HEAD")
    if finished.returncode != 0:
        raise UsageError(f"{path} is not a git checkout: evidence needs a commit; clone ebrains-spack-builds with git")
    return finished.text.strip()[:12]


def _release(name: str) -> Environment:
    return Project.find(Path.cwd()).environment(name)


def _print(found: tuple[Difference, ...]) -> None:
    for difference in found:
        typer.echo(f"  {difference}")
