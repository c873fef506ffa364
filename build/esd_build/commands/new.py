"""The command `esd-build new`: the files of a new image, to be changed as wanted."""

from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.data.new_image import NewImage
from esd_build.data.project import Project
from esd_build.net.words import say

app = typer.Typer()


@app.command("new")
def new_image(
    name: Annotated[str, typer.Argument(help="Name of the new image: lower-case letters, digits and '-'.")],
    packages: Annotated[list[str], typer.Option("--package", "-p", help="A Python package from the index; may be repeated.")],
    base: Annotated[str, typer.Option(help="The image on which the new one is based.")] = "nest",
    env: Annotated[str, typer.Option(help="The environment whose versions apply.")] = "edge",
) -> None:
    """Write the files of a new image that adds Python packages to another one. Prints them, and what to do next."""
    project = Project.find(Path.cwd())
    project.recipe(base)
    if (installed := project.environment(env)).provider != "debian":
        raise UsageError(
            f"environment '{env}' is installed by Spack, and a new image adds packages to one that pip installs (edge); "
            f"for '{env}', add the package to spack-envs/{installed.path}/spack.yaml, then: make spack-lock ENV={installed.path}"
        )
    files = {project.root / path: text for path, text in NewImage(name, base, env, tuple(packages)).files.items()}
    there = [path for path in files if path.exists()]
    if there:
        raise UsageError(f"{there[0].relative_to(project.root)} exists; choose another name, or change that file")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        say(path.relative_to(project.root))
    say(f"next: make lock IMAGE={name} ENV={env}, then make image IMAGE={name} ENV={env}")
