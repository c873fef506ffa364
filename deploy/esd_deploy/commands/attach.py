"""The command `esd-deploy attach`: wait for a run that was started before."""

import typer

from esd_deploy.commands import options
from esd_deploy.commands.running import finish, going_on, known_run
from esd_deploy.display.progress import display
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command()
def attach(run_id: options.AnyRun, *, site: options.KnownSite = None, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Wait for a run that was submitted before and fetch its results. On another machine, give the job's URL or id, and --site."""
    with display(quiet=as_json) as steps, going_on(run_id, output):
        run = known_run(run_id, output, site, steps, adopt=True)
        run.resume()
        run.wait()
    finish(run, as_json=as_json)
