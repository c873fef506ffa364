"""The command `esd-deploy run`: a script at a site, from its submission to its results."""

from dataclasses import replace

import typer

from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.asked import Asked, asks
from esd_deploy.commands.shared.running import Conditions, carry_out, planned
from esd_deploy.records.record import RUNS
from esd_deploy.several import order

app = typer.Typer()


@app.command("run")
@asks()
def run_command(
    asked: Asked,
    *,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Run a script at a site, wait for it, fetch its results, keep a record in OUTPUT/<id>/run.json."""
    how = Conditions(force=force, dry_run=dry_run, signed=require_signature)
    before = order.predecessors(output, asked.after or ())
    place, plan = planned(asked.site, asked.request(output), how, model=asked.model, requirements=asked.requirements, runs=output)
    plan = replace(plan, after=before)
    carry_out(place, plan, output, how, as_json=as_json)
