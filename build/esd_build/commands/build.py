"""The commands `esd-build list`, `image`, `prepare` and `test`: which images there are, building one, checking it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.catalogue.built import CONTRACT
from esd_build.commands.opening import AsJson, EnvironmentName, ImageName, ProviderName, TargetName, built, open_environment, open_factory
from esd_build.data.project import Project
from esd_build.data.target import require_runs_here
from esd_build.net.words import SafeConsole, say

app = typer.Typer()


@app.command("list")
def list_images(as_json: AsJson = False) -> None:
    """List the images and their environments."""
    project = Project.find(Path.cwd())
    recipes = [project.recipe(name) for name in project.recipe_names]
    environments = [project.environment(name) for name in project.environment_names]
    pairs = [(recipe, environment) for recipe in recipes for environment in environments if environment.provider in recipe.providers]
    if as_json:
        listed = [{"image": r.name, "environment": e.name, "provider": e.provider, "description": r.description} for r, e in pairs]
        say(json.dumps(listed, indent=2))
        return
    table = Table("image", "environment", "provider", "built", "what it is")
    for recipe, environment in pairs:
        built = (project.images / f"{recipe.name}-{environment.label}.sif").exists()
        table.add_row(recipe.name, environment.name, environment.provider, "yes" if built else "no", recipe.description)
    SafeConsole().print(table)


@app.command("image")
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


@app.command()
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


@app.command("test")
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
