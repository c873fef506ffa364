"""The command `esd-deploy submit`: one run or many, without waiting for them."""

from typing import Annotated

import typer

from esd_build.net.words import say
from esd_deploy.commands import options
from esd_deploy.commands.asked import Asked, asks
from esd_deploy.commands.running import Conditions, RunFailedError, allowed, going_on, planned
from esd_deploy.display.progress import display
from esd_deploy.records import outcome
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command()
@asks()
def submit(
    asked: Asked,
    *,
    count: Annotated[int, typer.Option(min=1, help="Submit this many runs; each finds its number, from 0, in $ESD_RUN_INDEX.")] = 1,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Submit a script and return; `attach` waits for it later. The last line is the run's id (with --count one line for each)."""
    how = Conditions(force=force, signed=require_signature)
    place, plan = planned(asked.site, asked.request(output), how, model=asked.model, runs=output)
    allowed(place, plan, how)
    with display(quiet=as_json or count > 1) as steps:
        for run in place.start_many(plan, count, runs=output, display=steps):
            with going_on(run.id, output):
                run.submit()
            if run.record.ended:
                raise RunFailedError(outcome.failure(run.record, run.folder))
            say(run.record.model_dump_json(indent=2) if as_json else run.id)
