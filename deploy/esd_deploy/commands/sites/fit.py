"""The command `esd-deploy fit`: whether a network fits a neuromorphic machine, before a job waits in its queue."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esd_build.data.errors import EsdError, UsageError
from esd_build.models.fitting import BOARD_CHIPS, CHIP_SDRAM, Fit, Mapper
from esd_build.net.words import say
from esd_build.program.renamed import formerly
from esd_deploy.backends import kinds
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.display.progress import display
from esd_deploy.inputs.bundle import bundle, input_files
from esd_deploy.inputs.content import whole
from esd_deploy.plans.limits import check_files
from esd_deploy.sites.catalogue import Catalogue, load_site

app = typer.Typer()


class TooBigError(EsdError):
    """The network does not fit (exit code 1)."""


@app.command("fit")
def fit_command(
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    inputs: options.Inputs = None,
    image: Annotated[Path | None, typer.Option(help="The spinnaker image; default: dist/images/spinnaker-edge.sif.")] = None,
    boards: Annotated[int | None, typer.Option(min=1, help="How many boards are allowed; exit code 1 if the network needs more.")] = None,
    as_json: options.Json = False,
) -> None:
    """Tell whether a PyNN script's network fits a SpiNNaker machine: cores, chips, boards, memory, real-time factor."""
    config, _ = load_site(site)
    if kinds.backend(config.kind).neuromorphic_platform(config) != "SpiNNaker":
        known = f" ({config.nmpi.machine})" if config.nmpi else ""
        raise UsageError(
            f"site '{site}' is not a SpiNNaker machine{known}, and only those can be mapped: `esd-deploy run --dry-run` shows what would "
            "be submitted"
        )
    handed = bundle(script)
    sent = (*handed.others, *(file for path in inputs or () for file in input_files(path)))
    check_files(config, sent)
    files = {handed.name: handed.program, **{name: whole(content) for name, content in sent}}
    mapper = _mapper(image or _built())
    with display(quiet=as_json) as steps:
        steps.step(f"mapping {script.name}")
        fit = mapper.fit(handed.name, files, arguments or ())
    if as_json:
        say(json.dumps({**fit.model_dump(), "run_s": fit.run_s}, indent=2))
    else:
        out.print(table(script.name, fit))
    if boards is not None and fit.boards > boards:
        raise TooBigError(
            f"{script.name} needs {fit.boards} boards, and {boards} are allowed; make the network smaller, or record and connect less"
        )


app.command("plan", hidden=True)(formerly("esd-deploy plan", "esd-deploy fit", fit_command))


def rows(fit: Fit) -> list[tuple[str, str]]:
    """The description of a mapped network."""
    most = fit.sdram / fit.chips
    asked = [f"{label}: {', '.join(names)}" for label, names in sorted(fit.recorded.items()) if names]
    return [
        *((f"population {label}", f"{share.cores} cores, {share.sdram / 1e6:.1f} MB") for label, share in sorted(fit.populations.items())),
        ("cores", f"{fit.cores} (and {fit.system_cores} of the machine's own)"),
        ("chips", f"{fit.chips}; the busiest has {fit.busiest_chip_cores} cores in use"),
        ("boards", f"{fit.boards} (of {BOARD_CHIPS} chips)"),
        ("SDRAM", f"{fit.sdram / 1e6:.1f} MB; {most / 1e6:.1f} MB a chip on average, of {CHIP_SDRAM / 1e6:.0f} MB"),
        ("time step", f"{fit.timestep_ms:g} ms"),
        ("real-time factor", f"{fit.real_time_factor:g}: {fit.run_ms:g} ms take {fit.run_s:g} s, without loading and reading back"),
        ("recorded", "; ".join(asked) or "nothing"),
    ]


def table(script: str, fit: Fit) -> Table:
    """The rows as a table for a terminal."""
    result = Table(title=f"{script} on SpiNNaker, mapped", show_header=False, title_justify="left")
    for name, value in rows(fit):
        result.add_row(name, value)
    return result


def _built() -> Path:
    """The image that maps networks, as `make image` leaves it."""
    purpose = "without --image, this maps the network in dist/images/spinnaker-edge.sif, which `make image IMAGE=spinnaker` builds"
    return Catalogue.find().checkout(purpose) / "dist" / "images" / "spinnaker-edge.sif"


def _mapper(image: Path) -> Mapper:
    if not image.is_file():
        raise UsageError(f"{image} does not exist: `make image IMAGE=spinnaker` builds it, or name one with --image")
    return Mapper.of(image)
