"""The commands `esd-build matrix` and `built`: the images that can be built, for a person or a pipeline, and those that were."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.catalogue import built, matrix
from esd_build.catalogue.forms import DURATION
from esd_build.data.project import Project
from esd_build.net.words import SafeConsole, say

app = typer.Typer()
GITLAB_JOBS = "ci/gitlab-images.yml"


class Pipeline(StrEnum):
    """Whose words the list is written in."""

    GITHUB = "github"
    GITLAB = "gitlab"


@app.command("matrix")
def matrix_command(
    nightly: Annotated[bool, typer.Option("--nightly", help="All of them; default: those that are quick enough for every push.")] = False,
    pipeline: Annotated[Pipeline | None, typer.Option("--for", help="In this pipeline's form: a matrix, or a child pipeline.")] = None,
) -> None:
    """List the images that can be built: every recipe with every environment that it goes with."""
    found = matrix.chosen(matrix.buildable(Project.find(Path.cwd())), nightly=nightly)
    if pipeline is not None:
        say(matrix.github(found) if pipeline is Pipeline.GITHUB else matrix.gitlab(found, GITLAB_JOBS), nl=pipeline is Pipeline.GITHUB)
        return
    table = Table("image", "environment", "provider", "form", "from nothing")
    for one in found:
        table.add_row(one.image, one.environment, one.provider, one.form, DURATION[one.form])
    SafeConsole().print(table)


@app.command("built")
def built_command() -> None:
    """Write the images of dist/images/ into the table of docs/measurements/built.md: when, size, contract, sites."""
    project = Project.find(Path.cwd())
    page = project.root / "docs" / "measurements" / "built.md"
    rows = built.found(project.images)
    page.write_text(built.page(page.read_text(encoding="utf-8") if page.is_file() else "", rows), encoding="utf-8")
    say(f"{page.relative_to(project.root)}: {len(rows)} images of {project.images.relative_to(project.root)}")
