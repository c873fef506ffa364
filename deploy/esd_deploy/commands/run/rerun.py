"""The command `esd-deploy rerun`: repeat a run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import EsdError, UsageError
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import Conditions, allowed, carry_out, going_on, take
from esd_deploy.commands.shared.several import Chosen, printed
from esd_deploy.display.progress import display
from esd_deploy.errands import deposited_image, packages
from esd_deploy.plans.plan import Plan
from esd_deploy.preflight import local_checks
from esd_deploy.records import record
from esd_deploy.records.record import RUNS
from esd_deploy.runs import rerun
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.sites import familiar
from esd_deploy.sites.catalogue import load_site

app = typer.Typer()


@app.command("rerun")
def rerun_command(  # noqa: PLR0913 - each parameter is an option of the command line
    run_ids: options.RunIds = None,
    *,
    tag: options.OfTag = None,
    site: options.KnownSite = None,
    deposited: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FOLDER", help="A run that `export --oci` wrote; its image is sent, no registry asked. Needs --site."
        ),
    ] = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Run again exactly what a record says: same script, image digest, arguments, parameters and shape."""
    how = Conditions(force=force, dry_run=dry_run, signed=require_signature)
    if deposited is not None:
        if run_ids or tag:
            raise UsageError("--from names the run already: give no id and no --tag with it")
        _from(deposited, site, output, how, as_json=as_json)
        return
    chosen = Chosen.of(run_ids, tag, output)
    plans = {run_id: planned_again(run_id, site, output, how) for run_id in chosen.ids}
    if not chosen.many:
        [(run_id, (place, plan))] = plans.items()
        carry_out(place, plan, output, how, as_json=as_json, rerun_of=run_id)
        return
    _all(chosen, {run_id: one for run_id, one in plans.items() if allowed(*one, how)}, output, as_json=as_json)


def _from(folder: Path, site: str | None, output: Path, how: Conditions, *, as_json: bool) -> None:
    """Repeat a deposited run. It may come from anybody: it says what runs, and the user says where."""
    from esd_deploy.studies import deposit  # noqa: PLC0415 - the library of research objects takes a moment

    if site is None:
        raise UsageError("--from: name the site with --site; a deposited run does not choose where it runs")
    if how.signed:
        raise UsageError("--from with --require-signature: signatures are in the image's registry; `esd-deploy rerun ID` asks it")
    local_checks.require_folder(output)
    config, _ = load_site(site)
    found = deposit.read(folder)
    with found.unpacked() as files:
        plan = replace(rerun.plan(found.record, files, config), image=found.image)
        place = Site.of(config)

        def send_image(notice: Callable[[str], None]) -> None:
            deposited_image.ensured(place.connect(), plan.site, found.image, found.sif, notice)

        carry_out(place, plan, output, how, as_json=as_json, rerun_of=found.record.id, first=send_image)


def planned_again(run_id: str, site: str | None, output: Path, how: Conditions) -> tuple[Site, Plan]:
    """The plan of a run's repetition, and where it runs; raises as the checks of a new run."""
    known = record.own(output, run_id)
    local_checks.require_folder(output)
    if how.signed:
        local_checks.require_signable(contained=known.image is not None)
    config, _ = load_site(site or familiar.site_of(known.site, known.site_file))
    plan = rerun.plan(known, output / run_id, config)
    place = Site.of(config)
    if how.signed:
        rerun.require_signature(plan, place)
    return place, plan


def _all(chosen: Chosen, plans: dict[str, tuple[Site, Plan]], output: Path, *, as_json: bool) -> None:
    """Submit all, then wait for each."""
    with display(quiet=as_json) as steps, printed(chosen, as_json=as_json) as found:
        begun: dict[str, Run] = {}

        def submitted(run_id: str) -> None:
            place, plan = plans[run_id]
            run = place.start(packages.ensured(place, plan, steps.step), runs=output, display=steps, rerun_of=run_id)
            with going_on(run.id, output):
                run.submit()
            begun[run_id] = run

        def ended(run_id: str) -> None:
            run = begun[run_id]
            with going_on(run.id, output):
                run.wait()
            take(run, found, as_json=as_json)

        refused = _error_of(Chosen(tuple(plans), many=True), submitted)
        failed = _error_of(Chosen(tuple(begun), many=True), ended)
    if failed or refused:
        raise failed or refused  # type: ignore[misc]  # one of both is there


def _error_of(some: Chosen, act: Callable[[str], None]) -> EsdError | None:
    """What is to be raised once all has been done that can be."""
    try:
        some.each(act)
    except EsdError as error:
        return error
    return None
