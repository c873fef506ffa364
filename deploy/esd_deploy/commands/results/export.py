"""The command `esd-deploy export RUN`."""

from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.several import Chosen
from esd_deploy.records import record
from esd_deploy.records.record import RUNS

app = typer.Typer()


@app.command()
def export(
    run_ids: options.RunIds = None,
    *,
    tag: options.OfTag = None,
    to: Annotated[
        Path | None, typer.Option(help="A folder, or a .zip file; of several runs the folder of all. Default: <id>.crate.zip here.")
    ] = None,
    license_url: Annotated[
        str | None, typer.Option("--license", metavar="SPDX|URL", help="Licence of script and results: CC-BY-4.0, or a URL.")
    ] = None,
    output: options.Output = RUNS,
) -> None:
    """Write a run as a Workflow Run RO-Crate: script, inputs, results, versions and image in a standard form."""
    from esd_deploy.studies import crate  # noqa: PLC0415 - the library takes a moment, which other commands need not wait

    license_url = None if license_url is None else crate.license_of(license_url)
    chosen = Chosen.of(run_ids, tag, output)
    if chosen.many and to is not None:
        _make_folder(to)

    def one(run_id: str) -> None:
        own = Path(f"{run_id}.crate.zip")
        target = own if to is None else to / own if chosen.many else to
        say(str(shown(crate.write(record.own(output, run_id), output / run_id, target, license_url=license_url))))

    chosen.each(one)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--to {folder}: {error.strerror}; of several runs it is the folder of their crates") from error
