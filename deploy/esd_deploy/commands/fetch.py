"""The command `esd-deploy fetch`: what a run has made so far."""

import typer

from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.commands import options
from esd_deploy.commands.running import known_run, require_all
from esd_deploy.display.progress import display
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command()
def fetch(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Fetch what a run has made so far."""
    with display(quiet=as_json) as steps:
        run = known_run(run_id, output, site, steps)
        run.refresh()
        run.finish()
    say(run.record.model_dump_json(indent=2) if as_json else f"{len(run.record.files)} files in {shown(run.folder)}")
    require_all(run.record)
