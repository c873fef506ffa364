"""What the commands that begin or follow a run share: from the request to the plan, and the report of its end."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.data.paths import shown
from esd_build.data.project import Project
from esd_build.models.building import ModelBuilder
from esd_build.net.words import say
from esd_build.program.loading import INTERRUPTED
from esd_deploy.commands.shared.console import out, stop
from esd_deploy.commands.shared.options import IMAGE_VARIABLE
from esd_deploy.display.progress import Display, display
from esd_deploy.errands import packages
from esd_deploy.errands.requirements import require_file
from esd_deploy.plans import model_input
from esd_deploy.plans.plan import Plan
from esd_deploy.plans.request import Request
from esd_deploy.preflight import local_checks, site_checks, traps
from esd_deploy.records import outcome, record
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.runs import rerun
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import Site
from esd_deploy.several import order, selection
from esd_deploy.sites import familiar
from esd_deploy.sites.catalogue import Catalogue, load_site
from esd_deploy.sites.config import SiteConfig


class RunFailedError(EsdError):
    """The job ran and did not succeed (exit code 1)."""


@dataclass(frozen=True)
class Conditions:
    """How to carry out a plan: `signed`: signed images only, `dry_run`: only print it, `force`: proceed even if a check fails."""

    force: bool = False
    dry_run: bool = False
    signed: bool = False


def planned(
    site: str,
    request: Request,
    how: Conditions,
    *,
    runs: Path | None = None,
    model: Path | None = None,
    requirements: Path | None = None,
) -> tuple[Site, Plan]:
    """The plan of a request, with the image pinned by digest. Local checks come before any request to a server."""
    config, _ = load_site(site)
    wanted = local_checks.checked(with_default_image(request, config), config, runs=runs, signed=how.signed, model=model)
    if requirements is not None:
        require_file(requirements)
        if request.components:
            raise UsageError("--component and --requirements: packages are installed for one image only; leave one out")
    place = Site.of(config).signed_only() if how.signed else Site.of(config)
    plan = place.planned(wanted)
    plan = plan if model is None else model_input.with_model(plan, model, ModelBuilder.here())
    return place, plan if requirements is None else packages.required(place, plan, requirements)


def with_default_image(request: Request, config: SiteConfig) -> Request:
    """Use the image in $EBRAINS_ESD_IMAGE if the request names none but could have one."""
    default = os.environ.get(IMAGE_VARIABLE)
    fits = request.image is None and request.mode in {None, "container"} and "container" in config.modes
    return replace(request, image=default) if default and fits else request


def warn(text: str) -> None:
    """Tell the user of a trap, on standard error."""
    say(f"esd-deploy: {text}", err=True)


def allowed(place: Site, plan: Plan, how: Conditions, notice: Callable[[str], None] = warn) -> bool:
    """Whether to carry out the plan; a dry run prints it. Both get the same checks: raises UsageError if one fails."""
    if how.dry_run:
        print_plan(place, plan)
    if not how.force:
        site_checks.require(place, plan)
    for trap in traps.warned(plan, release_pins(plan)):
        notice(f"careful: {trap}")
    return not how.dry_run


def release_pins(plan: Plan) -> Mapping[str, str]:
    """The pins of the release that the image or the site's module line names; none where that is none of this checkout."""
    for name in traps.environments(plan):
        try:
            found = Project(Catalogue.find().root).environment(name)
        except EsdError:
            continue
        return {name: pin.version for name, pin in found.pins.items()}
    return {}


def carry_out(
    place: Site,
    plan: Plan,
    runs: Path,
    how: Conditions,
    *,
    as_json: bool,
    rerun_of: str | None = None,
    first: Callable[[Callable[[str], None]], None] = lambda _notice: None,
) -> None:
    """Submit a plan, wait for its end and show it; a dry run only prints the plan. `first` is done once all checks have passed."""
    if not allowed(place, plan, how):
        return
    with display(quiet=as_json) as steps:
        first(steps.step)
        plan = order.in_order(place, packages.ensured(place, plan, steps.step), runs, steps)
        run = place.start(plan, runs=runs, display=steps, rerun_of=rerun_of)
        with going_on(run.id, runs):
            run.submit()
            run.wait()
    finish(run, as_json=as_json)


def print_plan(place: Site, plan: Plan) -> None:
    """Print the launch line, the job's description and, on standard error, each file to be sent, with its path there and size."""
    for one in plan.sent:
        say(f"{one.source} -> {one.place}  {one.size:,} bytes", err=True)
    if plan.site.nmpi:
        say(plan.site.nmpi.machine, err=True)
    say(plan.line)
    say(json.dumps(place.backend.run_job(plan).description.document(), indent=2))


def finish(run: Run, *, as_json: bool) -> None:
    """Show how a run ended; raises as `require_good`."""
    if as_json:
        say(run.record.model_dump_json(indent=2))
    else:
        show_end(run)
    require_good(run)


def show_end(run: Run) -> None:
    """The table of an ended run, and where its record is."""
    out.print(outcome.table(run.record))
    say(str(shown(run.folder / record.FILE_NAME)))


def take(run: Run, found: list[RunRecord], *, as_json: bool) -> None:
    """Keep the record of an ended run of several for the JSON that follows, or show it; raises as `require_good`."""
    found.append(run.record)
    if not as_json:
        show_end(run)
    require_good(run)


def require_good(run: Run) -> None:
    """Raises RunFailedError unless the run succeeded, ToolError if results that are at the site could not be had."""
    ended: RunRecord = run.record
    if not ended.succeeded:
        raise RunFailedError(outcome.failure(ended, run.folder))
    require_all(ended)


def require_all(ended: RunRecord) -> None:
    """Raises ToolError if a result that exists at the site could not be fetched."""
    if ended.lost:
        lines = "\n".join(f"  {one.path}: {one.reason}" for one in ended.lost[:10])
        again = f"`esd-deploy fetch {ended.id}` tries again"
        raise ToolError(f"run {ended.id}: {len(ended.lost)} of its results could not be fetched; {again}\n{lines}")


@contextmanager
def going_on(run_id: str, output: Path) -> Iterator[None]:
    """Tell a user who interrupts, or loses the site or the login, that the run continues without the client."""
    options_again = run_id if output == RUNS else f"{run_id} --output {shown(output)}"
    again = f"`esd-deploy attach {options_again}`"
    left = f"the job continues. Return to it with {again}, or end it with `esd-deploy cancel {options_again}`"
    with leaving(left, f"The run is kept: {again} takes it up again"):
        yield


@contextmanager
def leaving(interrupted: str, failed: str) -> Iterator[None]:
    """Say what remains, and how to go on, to a user who interrupts, or who loses the site or the login."""
    try:
        yield
    except KeyboardInterrupt:
        stop(f"interrupted; {interrupted}", INTERRUPTED)
    except (ToolError, UsageError) as error:
        kind = ToolError if isinstance(error, ToolError) else UsageError
        raise kind(f"{error}\n{failed}") from error


def known_run(run_id: str, output: Path, site: str | None, steps: Display | None, *, adopt: bool = False) -> Run:
    """A run as selection.py names it; with `adopt` also one without a record on this machine, by its id or its job's URL at `site`."""
    run_id = selection.one(output, run_id)
    strange = run_id.startswith("https://") or run_id not in record.known(output)
    if adopt and site and strange:
        return rerun.adopt(Site.load(site), run_id, runs=output, display=steps)
    known = record.own(output, run_id)
    return Site.load(site or familiar.site_of(known.site, known.site_file)).run(run_id, runs=output, display=steps)
