"""The command `esd-deploy rerun`: the same again."""

import typer

from esd_deploy.commands import options
from esd_deploy.commands.running import Conditions, carry_out
from esd_deploy.preflight import local_checks
from esd_deploy.records import record
from esd_deploy.runs import rerun
from esd_deploy.runs.site import RUNS, Site
from esd_deploy.sites import familiar
from esd_deploy.sites.catalogue import load_site

app = typer.Typer()


@app.command("rerun")
def rerun_command(
    run_id: options.RunId,
    *,
    site: options.KnownSite = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Run again exactly what a record says: same script, image digest, arguments and shape."""
    known = record.own(output, run_id)
    local_checks.require_folder(output)
    if require_signature:
        local_checks.require_signable(contained=known.image is not None)
    config, _ = load_site(site or familiar.site_of(known.site, known.site_file))
    plan = rerun.plan(known, output / run_id, config)
    place = Site.of(config)
    if require_signature:
        rerun.require_signature(plan, place)
    how = Conditions(force=force, dry_run=dry_run, signed=require_signature)
    carry_out(place, plan, output, how, as_json=as_json, rerun_of=run_id)
