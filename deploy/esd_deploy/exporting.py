"""The command `esd-deploy export RUN`."""

from pathlib import Path
from typing import Annotated

import typer

from esd_deploy import options, outcome, record
from esd_deploy.site import RUNS

app = typer.Typer()


@app.command()
def export(
    run_id: options.RunId,
    *,
    to: Annotated[Path | None, typer.Option(help="A folder, or a .zip file; default: <id>.crate.zip here.")] = None,
    output: options.Output = RUNS,
) -> None:
    """Write a run as a Workflow Run RO-Crate: script, inputs, results, versions, image, in a form that others read."""
    from esd_deploy import crate  # noqa: PLC0415 - the library takes a moment, which other commands need not wait

    known = record.load(output, run_id)
    typer.echo(str(outcome.shown(crate.write(known, output / run_id, to or Path(f"{run_id}.crate.zip")))))
