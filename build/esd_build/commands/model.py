"""The command `esd-build model`: from a NESTML model to code for NEST, for SpiNNaker, or for both."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from esd_build.building.progress import BuildProgress
from esd_build.data import documents
from esd_build.data.errors import EsdError
from esd_build.data.project import Project
from esd_build.models.building import BuiltModel, ModelBuilder
from esd_build.models.model import POST_PORT, TARGETS, ModelSource, Target
from esd_build.models.portability import STAGES, Cases, Row
from esd_build.models.portability_run import Comparison
from esd_build.models.report import FILE_NAME
from esd_build.net.words import SafeConsole, say

app = typer.Typer()


class ModelError(EsdError):
    """The model did not become code (exit code 1)."""


@app.command("model")
def model_command(  # noqa: PLR0913 - each parameter is an option of the command line
    model: Annotated[Path, typer.Argument(metavar="MODEL.nestml", help="a neuron")],
    synapse: Annotated[Path | None, typer.Option(help="NESTML file of a plastic synapse for this neuron.")] = None,
    *,
    post_port: Annotated[str, typer.Option(help="The synapse's input for the neuron's own spikes.")] = POST_PORT,
    target: Annotated[Literal["nest", "spinnaker", "both"], typer.Option(help="The machine for which the code is.")] = "both",
    image: Annotated[str | None, typer.Option(help="Image to use; default: the image named after the target.")] = None,
    env: Annotated[str, typer.Option("--env", help="A folder of spack-envs/.")] = "edge",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results; each target gets a folder in it.")] = Path(
        "dist/models"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Generate and compile code from a NESTML model, inside an image; once for each model and image."""
    source = ModelSource(model, synapse, post_port)
    targets: tuple[Target, ...] = TARGETS if target == "both" else (target,)
    project, build = Project.find(Path.cwd()), ModelBuilder.here()
    tell: Callable[[str], None] = (lambda _text: None) if as_json else BuildProgress().say
    built = []
    for each in targets:
        plan = build.plan(source, each, project.images / f"{image or each}-{env}.sif")
        tell(f"==> {source.neuron.name} for {each} ({plan.key})")
        built.append(build.build(plan))
    folders = [hand_out(one, output) for one in built]
    if as_json:
        say(json.dumps([one.report.model_dump(mode="json") for one in built], indent=2))
    else:
        for one, folder in zip(built, folders, strict=True):
            say("\n".join((*one.report.lines, str(folder))))
    if any(one.report.failed for one in built):
        raise ModelError(f"{model} did not become code for every target; what NESTML and the compilers said is above and in log.txt")


@app.command()
def portability(
    env: Annotated[str, typer.Option("--env", help="A folder of spack-envs/.")] = "edge",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Take the models of models/ to NEST and to SpiNNaker, run one neuron of each, and compare. Exit code 1 if one disagrees."""
    project = Project.find(Path.cwd())
    folder = project.root / "models"
    cases = documents.load(folder / "portability.yaml", Cases, folder=folder)
    images = {target: project.images / f"{target}-{env}.sif" for target in TARGETS}
    tell: Callable[[str], None] = (lambda _text: None) if as_json else BuildProgress().say
    rows = list(Comparison(cases, ModelBuilder.here(), images, tell).rows())
    if as_json:
        say(json.dumps([{**asdict(row), "stages": dict(row.stages)} for row in rows], indent=2))
    else:
        SafeConsole(width=None if SafeConsole().is_terminal else 150).print(_table(rows))
    if any(row.stages["agreed"] == "failed" or (row.target == "nest" and row.failed) for row in rows):
        raise ModelError("a model does not do the same everywhere: see the table")


def _table(rows: list[Row]) -> Table:
    table = Table("model", "target", *STAGES, "detail")
    for row in rows:
        table.add_row(row.model, row.target, *(row.stages.get(stage, "-") for stage in STAGES), row.detail)
    return table


def hand_out(built: BuiltModel, output: Path) -> Path:
    """Copy a model's files, its report and its log into a folder of its own."""
    folder = output / built.report.module / built.report.target
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, path in built.product.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    for name in (FILE_NAME, "log.txt"):
        shutil.copyfile(built.folder / name, folder / name)
    return folder
