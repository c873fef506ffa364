"""The commands of `esd-deploy` that go on with a run: attach, fetch, cancel, delete, rerun."""

from pathlib import Path

import typer

from esd_build.data.errors import UsageError
from esd_deploy.commands import options
from esd_deploy.commands.run import carry_out, finish, going_on, require_all
from esd_deploy.display.progress import Display, display
from esd_deploy.preflight import local_checks, site_checks
from esd_deploy.runs import outcome, record, rerun
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import RUNS, Site
from esd_deploy.sites import familiar
from esd_deploy.sites.catalogue import load_site

app = typer.Typer()


@app.command()
def attach(run_id: options.AnyRun, *, site: options.KnownSite = None, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Wait for a run that was started before, and fetch its results. From another machine: by its job's URL or its id, with --site."""
    with display(quiet=as_json) as steps, going_on(run_id, output):
        run = known_run(run_id, output, site, steps, adopt=True)
        run.resume()
        run.wait()
    finish(run, as_json=as_json)


@app.command()
def fetch(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Fetch what a run has made so far."""
    with display(quiet=as_json) as steps:
        run = known_run(run_id, output, site, steps)
        run.refresh()
        run.finish()
    typer.echo(run.record.model_dump_json(indent=2) if as_json else f"{len(run.record.files)} files in {outcome.shown(run.folder)}")
    require_all(run.record)


@app.command()
def cancel(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS) -> None:
    """End a run at its site."""
    run = known_run(run_id, output, site, None)
    typer.echo(f"{run_id}: {run.cancel().status}")


@app.command()
def delete(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS, force: options.Force = False) -> None:
    """Remove a run's job and its folder at the site; what was fetched stays here."""
    run = known_run(run_id, output, site, None)
    if not force and not run.record.complete:
        raise UsageError(f"run '{run_id}' has not ended, or not all of it is here; `esd-deploy fetch {run_id}` first, or --force")
    run.delete()
    typer.echo(f"{run_id}: removed at {run.record.site}")


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
    """Run again exactly what a record says: the same script, image digest, arguments and shape."""
    known = record.own(output, run_id)
    local_checks.require_folder(output)
    if require_signature:
        local_checks.require_signable(contained=known.image is not None)
    config, _ = load_site(site or familiar.site_of(known.site, known.site_file))
    plan = rerun.plan(known, output / run_id, config)
    place = Site.of(config)
    if require_signature:
        rerun.require_signature(plan, place)
    if not force:
        site_checks.require(place, plan)
    carry_out(place, plan, output, as_json=as_json, dry_run=dry_run, rerun_of=run_id)


def known_run(run_id: str, output: Path, site: str | None, steps: Display | None, *, adopt: bool = False) -> Run:
    """A run by its id; with `adopt` also one that this machine has no record of, by its id or its job's URL at `site`."""
    strange = run_id.startswith("https://") or run_id not in record.known(output)
    if adopt and site and strange:
        return rerun.adopt(Site.load(site), run_id, runs=output, display=steps)
    known = record.own(output, run_id)
    return Site.load(site or familiar.site_of(known.site, known.site_file)).run(run_id, runs=output, display=steps)
