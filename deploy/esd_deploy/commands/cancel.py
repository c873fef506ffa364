"""The command `esd-deploy cancel`: end a run at its site."""

import typer

from esd_deploy.commands import options
from esd_deploy.commands.running import known_run
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command()
def cancel(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS) -> None:
    """End a run at its site."""
    run = known_run(run_id, output, site, None)
    typer.echo(f"{run_id}: {run.cancel().status}")
