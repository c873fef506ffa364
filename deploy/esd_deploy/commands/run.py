"""The commands of `esd-deploy` that begin something: run, submit, script; and what all commands about runs share."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_build.models.building import ModelBuilder
from esd_deploy.backends import kinds
from esd_deploy.commands import options, shown
from esd_deploy.display.progress import display
from esd_deploy.plans import launch, model_input
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.plan import Plan, Request, mode_of
from esd_deploy.preflight import local_checks, site_checks
from esd_deploy.runs import outcome, record
from esd_deploy.runs.record import RunRecord
from esd_deploy.runs.run import Run
from esd_deploy.runs.site import RUNS, Site
from esd_deploy.sites.catalogue import load_site

INTERRUPTED = 130
app = typer.Typer()


class RunFailedError(EsdError):
    """The job was run and did not succeed (exit code 1)."""


@dataclass(frozen=True)
class Wish:
    """What is asked for besides script, site and image."""

    shape: Shape
    time: str | None
    mode: str | None
    inputs: list[Path] | None
    partition: str | None
    account: str | None
    tags: list[str] | None

    def request(self, script: Path, arguments: list[str] | None, image: str | None) -> Request:
        """The whole request; raises UsageError."""
        return Request(
            script,
            tuple(arguments or ()),
            image,
            self.shape,
            options.seconds(self.time) if self.time else None,
            options.mode(self.mode),
            tuple(self.inputs or ()),
            self.partition,
            self.account,
            tuple(self.tags or ()),
        )


@app.command("run")
def run_command(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    mode: options.ModeName = None,
    nodes: options.Nodes = 1,
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
    inputs: options.Inputs = None,
    model: options.Model = None,
    partition: options.PartitionName = None,
    account: options.Account = None,
    tag: options.Tags = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Run a script at a site, wait for it, fetch its results, keep a record in OUTPUT/<id>/run.json."""
    wish = Wish(Shape(nodes, tasks_per_node, threads), time, mode, inputs, partition, account, tag)
    wanted = wish.request(script, arguments, image)
    place, plan = _planned(site, wanted, force=force, dry_run=dry_run, signed=require_signature, model=model, runs=output)
    carry_out(place, plan, output, as_json=as_json, dry_run=dry_run)


def carry_out(place: Site, plan: Plan, runs: Path, *, as_json: bool, dry_run: bool, rerun_of: str | None = None) -> None:
    """Submit a plan, wait for its end and show it; with `dry_run` print it only."""
    if dry_run:
        print_plan(plan)
        return
    with display(quiet=as_json) as steps:
        run = place.start(plan, runs=runs, display=steps, rerun_of=rerun_of)
        with going_on(run.id, runs):
            run.submit()
            run.wait()
    finish(run, as_json=as_json)


@app.command()
def submit(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    mode: options.ModeName = None,
    nodes: options.Nodes = 1,
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
    inputs: options.Inputs = None,
    model: options.Model = None,
    partition: options.PartitionName = None,
    account: options.Account = None,
    tag: options.Tags = None,
    count: Annotated[int, typer.Option(min=1, help="Submit so many runs of it; each finds its number, from 0, in $ESD_RUN_INDEX.")] = 1,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Submit a script and return; `attach` waits for it later. The last line is the run's id (with --count one line for each)."""
    wish = Wish(Shape(nodes, tasks_per_node, threads), time, mode, inputs, partition, account, tag)
    wanted = wish.request(script, arguments, image)
    place, plan = _planned(site, wanted, force=force, signed=require_signature, model=model, runs=output)
    with display(quiet=as_json or count > 1) as steps:
        for run in place.start_many(plan, count, runs=output, display=steps):
            with going_on(run.id, output):
                run.submit()
            if run.record.ended:
                raise RunFailedError(outcome.failure(run.record, run.folder))
            typer.echo(run.record.model_dump_json(indent=2) if as_json else run.id)


@app.command()
def script(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    mode: options.ModeName = None,
    nodes: options.Nodes = 1,
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
    partition: options.PartitionName = None,
    account: options.Account = None,
    require_signature: options.RequireSignature = False,
) -> None:
    """Print a batch script that does the same as `run`, for those who call sbatch themselves."""
    wish = Wish(Shape(nodes, tasks_per_node, threads), time, mode, None, partition, account, None)
    wanted = wish.request(script, arguments, image)
    kind = mode_of(wanted, load_site(site)[0])
    if kind in {"login", "queue"}:
        raise UsageError(f"--mode {kind} is no batch job; just run `{shlex.join(('python3', script.name, *wanted.arguments))}`")
    _, plan = _planned(site, wanted, force=True, signed=require_signature)
    print(launch.batch_script(plan.site, plan.shape, plan.command, image=plan.image, time_s=plan.time_s), end="")


def _planned(
    site: str,
    request: Request,
    *,
    force: bool,
    dry_run: bool = False,
    signed: bool = False,
    model: Path | None = None,
    runs: Path | None = None,
) -> tuple[Site, Plan]:
    config, _ = load_site(site)
    local_checks.require(request, config, runs=runs, signed=signed, model=model)
    place = Site.of(config).signed_only() if signed else Site.of(config)
    plan = place.plan(request)
    if model is not None:
        plan = model_input.with_model(plan, model, ModelBuilder.here())
    if not force and not dry_run:
        site_checks.require(place, plan)
    return place, plan


def print_plan(plan: Plan) -> None:
    """The launch line, and all that would be sent to the site."""
    typer.echo(str(plan.launch))
    typer.echo(json.dumps(kinds.backend(plan.site.kind).run_job(plan).description, indent=2))


def finish(run: Run, *, as_json: bool) -> None:
    """Show how a run ended; raises RunFailedError unless it succeeded."""
    ended: RunRecord = run.record
    if as_json:
        typer.echo(ended.model_dump_json(indent=2))
    else:
        shown.out.print(outcome.table(ended))
        typer.echo(str(outcome.shown(run.folder / record.FILE_NAME)))
    if not ended.succeeded:
        raise RunFailedError(outcome.failure(ended, run.folder))
    require_all(ended)


def require_all(ended: RunRecord) -> None:
    """Raises ToolError where a result that is at the site could not be had."""
    if ended.lost:
        lines = "\n".join(f"  {one.path}: {one.reason}" for one in ended.lost[:10])
        again = f"`esd-deploy fetch {ended.id}` tries again"
        raise ToolError(f"run {ended.id}: {len(ended.lost)} of its results could not be fetched; {again}\n{lines}")


@contextmanager
def going_on(run_id: str, output: Path) -> Iterator[None]:
    """Tell a user who leaves, or who loses the site, that the run does not end with the client."""
    options_again = run_id if output == RUNS else f"{run_id} --output {outcome.shown(output)}"
    again = f"`esd-deploy attach {options_again}`"
    try:
        yield
    except KeyboardInterrupt:
        stop(f"interrupted; the job goes on. Come back to it with {again}, or end it with `esd-deploy cancel {options_again}`", INTERRUPTED)
    except ToolError as error:
        raise ToolError(f"{error}\nThe run is kept: {again} takes it up again") from error


def stop(message: str, code: int) -> NoReturn:
    """End the command with one message."""
    print(f"esd-deploy: {message}", file=sys.stderr)
    raise SystemExit(code)
