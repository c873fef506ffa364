"""The command `esd-deploy cancel`: end runs at their sites."""

import typer

from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import known_run
from esd_deploy.commands.shared.several import Chosen
from esd_deploy.records.record import RUNS
from esd_deploy.runs.run import cancelled

app = typer.Typer()


@app.command()
def cancel(
    run_ids: options.RunIds = None, *, tag: options.OfTag = None, site: options.KnownSite = None, output: options.Output = RUNS
) -> None:
    """End runs at their sites, and say what state each was in."""

    def one(run_id: str) -> None:
        run = known_run(run_id, output, site, None)
        say(f"{run_id}: {cancelled(run, f'`esd-deploy fetch {run_id}` fetches its results so far')}")

    Chosen.of(run_ids, tag, output).each(one)
