"""The command `esd-deploy stop`: end services in order."""

import typer

from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import RunFailedError, known_run, require_good
from esd_deploy.commands.shared.several import Chosen
from esd_deploy.display.progress import display
from esd_deploy.records.record import RUNS
from esd_deploy.services import standing

app = typer.Typer()


@app.command("stop")
def stop_command(
    run_ids: options.RunIds = None, *, tag: options.OfTag = None, site: options.KnownSite = None, output: options.Output = RUNS
) -> None:
    """End services: each saves its recorders' events, then its results are fetched. `cancel` ends one at once, and saves nothing."""

    def one(run_id: str) -> None:
        with display(quiet=False) as steps:
            run = known_run(run_id, output, site, steps)
            try:
                standing.stopped(run)
            except standing.NotServingError as error:
                raise RunFailedError(str(error)) from error
        say(f"{run_id}: stopped; its results are in {shown(run.folder)}")
        require_good(run)

    Chosen.of(run_ids, tag, output).each(one)
