"""The command esd-build: from a recipe and an environment to an image in a registry."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.table import Table

from esd_build.commands import esd, images, matrix, model, new, plan, publish
from esd_build.commands import spack as spack_commands
from esd_build.commands.opening import AsJson, EnvironmentName, ImageName, ProviderName, TargetName, built, open_environment, open_factory
from esd_build.data import version
from esd_build.data.errors import EsdError, NoCheckoutError, UsageError, disk_full, folder_gone
from esd_build.data.project import Project
from esd_build.data.target import require_runs_here
from esd_build.net.words import SafeConsole, say
from esd_build.product.built import CONTRACT

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Build pinned Apptainer images from recipes and environments, check them, and publish them by digest.",
)
for panel, module in (("Images", new), ("Images", plan), ("Images", images), ("Images", matrix), ("Registry", publish), ("Models", model)):
    for command in (*module.app.registered_commands, *module.app.registered_groups):
        command.rich_help_panel = panel
    app.add_typer(module.app)
app.add_typer(spack_commands.app, name="spack", rich_help_panel="Environments")
app.add_typer(esd.app, name="esd", rich_help_panel="Environments")


def _tell_version(asked: bool) -> None:
    if asked:
        say(version.told("esd-build"))
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _version: Annotated[bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")] = False,
) -> None:
    if debug:
        os.environ["ESD_DEBUG"] = "1"


@app.command("list", rich_help_panel="Images")
def list_images(as_json: AsJson = False) -> None:
    """List the images and their environments."""
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
    SafeConsole().print(table)


@app.command("image", rich_help_panel="Images")
def build_image(
    image: ImageName,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    draft: Annotated[bool, typer.Option("--draft", help="Pack quickly into <image>-<env>-draft.sif: larger, for trials only.")] = False,
) -> None:
    """Build an image into dist/images/ and print its path."""
    factory, recipe = open_factory(image, env, provider, target, draft=draft)
    say(factory.image(recipe).relative_to(factory.project.root))


@app.command(rich_help_panel="Images")
def prepare(
    image: ImageName,
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder that does not exist yet.")],
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
) -> None:
    """Make a folder in which plain `apptainer build` builds the image, to read or to debug."""
    factory, recipe = open_factory(image, env, provider, target)
    folder = factory.prepare(recipe, output.absolute())
    say(f"cd {folder} && apptainer build --force --build-arg-file build-arguments {recipe.name}.sif {recipe.definition.name}")


@app.command("test", rich_help_panel="Images")
def check_contract(
    image: ImageName,
    env: EnvironmentName = "edge",
    provider: ProviderName = None,
    target: TargetName = None,
    oci: Annotated[str | None, typer.Option(help="Check this OCI image in Docker or Podman instead.")] = None,
) -> None:
    """Check a built image against its contract: versions, MPI, labels, a NESTML model."""
    project = Project.find(Path.cwd())
    recipe, environment = project.recipe(image), open_environment(project, env, provider, target)
    require_runs_here(environment.target)
    file = built(project, recipe, environment)
    tests = [project.root / "tests" / "images", *recipe.folder.glob("test_*.py")]
    chosen = {"--image-file": str(file), "--image-env": env, "--image-provider": provider, "--image-target": target, "--image-oci": oci}
    options = [f"{name}={value}" for name, value in chosen.items() if value]
    noted = f"--junitxml={file.with_suffix(CONTRACT)}"
    command = [sys.executable, "-m", "pytest", noted, *options, *map(str, tests)]
    raise typer.Exit(min(subprocess.run(command, cwd=project.root, check=False).returncode, 1))


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
        command = " ".join(word for word in sys.argv[1:2] if isinstance(error, NoCheckoutError))
        say(f"esd-build{command and ' '}{command}: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        told = disk_full(error) or folder_gone(error)
        if told is None or os.environ.get("ESD_DEBUG"):
            raise
        say(f"esd-build: {told}", err=True)
        sys.exit(told.exit_code)
    sys.exit(0)


def _print_json(content: object) -> None:
    say(json.dumps(content, indent=2))
