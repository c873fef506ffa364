"""The command esd-build: from a recipe and an environment to an image in a registry."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from esd_build import model_cli, publishing_commands
from esd_build.apptainer import Apptainer
from esd_build.cache import Cache
from esd_build.errors import EsdError, UsageError
from esd_build.factory import Factory
from esd_build.plan import BuildPlan
from esd_build.process import Account
from esd_build.progress import BuildProgress
from esd_build.project import Environment, Project, Recipe
from esd_build.spack import commands as spack_commands
from esd_build.spack import esd_commands

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__, pretty_exceptions_enable=False)
app.add_typer(publishing_commands.app)
app.add_typer(model_cli.app)
app.add_typer(spack_commands.app, name="spack")
app.add_typer(esd_commands.app, name="esd")

ImageName = Annotated[str, typer.Argument(metavar="IMAGE", help="a folder of recipes/")]
EnvironmentName = Annotated[str, typer.Option("--env", help="a folder of spack-envs/")]
ProviderName = Annotated[
    str | None, typer.Option("--provider", help="how the environment is installed; default: what its release.yaml says")
]
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]


@app.callback()
def _options(debug: Annotated[bool, typer.Option("--debug", help="show the traceback of an error")] = False) -> None:
    if debug:
        os.environ["ESD_DEBUG"] = "1"


@app.command("list")
def list_images(as_json: AsJson = False) -> None:
    """Show which images, in which environments, there are."""
    project = Project.find(Path.cwd())
    recipes = [project.recipe(name) for name in project.recipe_names]
    environments = [project.environment(name) for name in project.environment_names]
    pairs = [(recipe, environment) for recipe in recipes for environment in environments if environment.provider in recipe.providers]
    if as_json:
        _print_json([{"image": r.name, "environment": e.name, "provider": e.provider, "description": r.description} for r, e in pairs])
        return
    table = Table("image", "environment", "provider", "built", "what it is")
    for recipe, environment in pairs:
        built = (project.images / f"{recipe.name}-{environment.label}.sif").exists()
        table.add_row(recipe.name, environment.name, environment.provider, "yes" if built else "no", recipe.description)
    Console().print(table)


@app.command()
def plan(image: ImageName, env: EnvironmentName = "edge", provider: ProviderName = None, as_json: AsJson = False) -> None:
    """Show what would be built, and the hashes that decide it. Builds nothing."""
    factory, recipe = _factory(image, env, provider)
    planned = factory.plan(recipe)
    if as_json:
        stages = [
            {"name": s.name, "kind": s.kind, "key": s.key, "cached": factory.cache.has(s), "inputs": s.inputs} for s in planned.stages
        ]
        _print_json({"image": recipe.name, "environment": env, "file": planned.file_name, "stages": stages})
    else:
        _show_plan(planned, factory.cache)


@app.command("image")
def build_image(image: ImageName, env: EnvironmentName = "edge", provider: ProviderName = None) -> None:
    """Build an image into dist/images/ and print its path."""
    factory, recipe = _factory(image, env, provider)
    typer.echo(factory.image(recipe).relative_to(factory.project.root))


@app.command()
def prepare(
    image: ImageName,
    output: Annotated[Path, typer.Option("--output", "-o", help="a folder that does not exist yet")],
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
) -> None:
    """Make a folder in which plain `apptainer build` builds the image, to read or to debug."""
    factory, recipe = _factory(image, env, provider)
    folder = factory.prepare(recipe, output.absolute())
    typer.echo(f"cd {folder} && apptainer build --force --build-arg-file build-arguments {recipe.name}.sif {recipe.definition.name}")


@app.command("test")
def check_contract(image: ImageName, env: EnvironmentName = "edge") -> None:
    """Check a built image against its contract: versions, MPI, labels, a NESTML model, and what every image must keep to."""
    project = Project.find(Path.cwd())
    recipe, environment = project.recipe(image), project.environment(env)
    file = _built(project, recipe, environment)
    tests = [project.root / "tests" / "images", *recipe.folder.glob("test_*.py")]
    command = [sys.executable, "-m", "pytest", "--image-file", str(file), "--image-env", environment.name, *map(str, tests)]
    raise typer.Exit(min(subprocess.run(command, cwd=project.root, check=False).returncode, 1))


@app.command()
def sbom(image: ImageName) -> None:
    """List what is inside an image (not there yet)."""
    _later("sbom", f"`apptainer exec dist/images/{image}-edge.sif cat /opt/esd/packages.txt` lists the Debian packages")


@app.command()
def oci(image: ImageName) -> None:
    """Make an OCI image for Docker and Podman (not there yet)."""
    _later("oci", f"`esd-build image {image}` makes a SIF file, which Apptainer runs")


def main() -> NoReturn:
    """Run the command line; the only place where errors become messages and exit codes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        # Typer ends a wrong call with 2, which is ours for a wrong data file.
        raise SystemExit(UsageError.exit_code if end.code == 2 else end.code) from None
    except EsdError as error:
        if os.environ.get("ESD_DEBUG"):
            raise
        print(f"esd-build: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    sys.exit(0)


def _factory(image: str, env: str, provider: str | None) -> tuple[Factory, Recipe]:
    project = Project.find(Path.cwd())
    recipe, environment = project.recipe(image), project.environment(env, provider)
    account = Account.current()
    cache = Cache.open(account)
    return Factory(project, environment, cache, Apptainer(account, cache.root / "temporary"), BuildProgress()), recipe


def _built(project: Project, recipe: Recipe, environment: Environment) -> Path:
    file = project.images / f"{recipe.name}-{environment.label}.sif"
    if not file.is_file():
        raise UsageError(f"{file.relative_to(project.root)} is not built yet: `make image IMAGE={recipe.name} ENV={environment.name}`")
    return file


def _show_plan(planned: BuildPlan, cache: Cache) -> None:
    """A line for each stage, and under it what its hash is made of."""
    for stage in planned.stages:
        state = "in the cache" if cache.has(stage) else "to be made"
        typer.echo(f"{stage.name:<12}{stage.kind:<10}{stage.key or 'known once its base is built':<30}{state}")
        inputs = ", ".join(f"{name} {(value or '?')[:8]}" for name, value in stage.inputs.items())
        typer.echo(textwrap.fill(inputs, 120, initial_indent="    ", subsequent_indent="    ", break_long_words=False))


def _print_json(content: object) -> None:
    typer.echo(json.dumps(content, indent=2))


def _later(command: str, instead: str) -> NoReturn:
    raise UsageError(f"`esd-build {command}` is not there yet (it comes with the image factory); {instead}")
