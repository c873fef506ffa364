"""The command `esd-deploy delete`: remove runs at their sites."""

from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import known_run
from esd_deploy.commands.shared.several import Chosen
from esd_deploy.records.record import RUNS

app = typer.Typer()
Even = Annotated[
    bool, typer.Option("--force", help="Delete even if the run has not ended or results are missing here: they are then lost.")
]


@app.command()
def delete(
    run_ids: options.RunIds = None,
    *,
    tag: options.OfTag = None,
    site: options.KnownSite = None,
    output: options.Output = RUNS,
    force: Even = False,
) -> None:
    """Remove a run's job and its folder at the site; fetched files stay here."""

    def one(run_id: str) -> None:
        run = known_run(run_id, output, site, None)
        if not force and not run.record.complete:
            raise UsageError(f"run '{run_id}' has not ended, or results are missing here; `esd-deploy fetch {run_id}` first, or --force")
        run.delete()
        say(f"{run_id}: removed at {run.record.site}")

    Chosen.of(run_ids, tag, output).each(one)
