"""The command `esd-deploy`: run programs at a site and keep a record of what ran."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from esd_build.errors import EsdError, ToolError, UsageError
from esd_deploy import launch, options, outcome, record, shown
from esd_deploy.display import Display, display
from esd_deploy.launch import Shape
from esd_deploy.plan import Plan, Request, description
from esd_deploy.record import RunRecord
from esd_deploy.run import Run
from esd_deploy.site import RUNS, Site

INTERRUPTED = 130
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(shown.app)


class RunFailedError(EsdError):
    """The job was run and did not succeed (exit code 1)."""


@app.callback()
def _settings(*, debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False) -> None:
    if debug:
        os.environ["ESD_DEBUG"] = "1"


@app.command("run")
def run_command(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    nodes: options.Nodes = 1,
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
) -> None:
    """Run a script at a site, wait for it, fetch its results, keep a record in OUTPUT/<id>/run.json."""
    request = _request(script, arguments, image, Shape(nodes, tasks_per_node, threads), time)
    place = Site.load(site)
    plan = place.plan(request)
    if dry_run:
        _print_plan(plan)
        return
    with display(quiet=as_json) as steps:
        run = place.start(plan, runs=output, display=steps)
        with _going_on(run.id, output):
            run.submit()
            run.wait()
    _finish(run, as_json=as_json)


@app.command()
def submit(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    nodes: options.Nodes = 1,
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
) -> None:
    """Submit a script and return; `attach` waits for it later. The last line is the run's id."""
    request = _request(script, arguments, image, Shape(nodes, tasks_per_node, threads), time)
    place = Site.load(site)
    plan = place.plan(request)
    with display(quiet=as_json) as steps:
        run = place.start(plan, runs=output, display=steps)
        with _going_on(run.id, output):
            run.submit()
    typer.echo(run.record.model_dump_json(indent=2) if as_json else run.id)


@app.command()
def attach(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Wait for a run that was started before, and fetch its results."""
    with display(quiet=as_json) as steps, _going_on(run_id, output):
        run = _known(run_id, output, site, steps)
        run.resume()
        run.wait()
    _finish(run, as_json=as_json)


@app.command()
def fetch(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Fetch what a run has made so far."""
    with display(quiet=as_json) as steps:
        run = _known(run_id, output, site, steps)
        run.refresh()
        run.fetch()
    typer.echo(run.record.model_dump_json(indent=2) if as_json else f"{len(run.record.files)} files in {run.folder}")


@app.command()
def cancel(run_id: options.RunId, *, site: options.KnownSite = None, output: options.Output = RUNS) -> None:
    """End a run at its site."""
    run = _known(run_id, output, site, None)
    typer.echo(f"{run_id}: {run.cancel().status}")


@app.command()
def script(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    nodes: options.Nodes = 1,
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
) -> None:
    """Print a batch script that does the same as `run`, for those who call sbatch themselves."""
    plan = Site.load(site).plan(_request(script, arguments, image, Shape(nodes, tasks_per_node, threads), time))
    print(launch.batch_script(plan.site, plan.shape, plan.command, image=plan.image, time_s=plan.time_s), end="")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def local(context: typer.Context) -> None:
    """A whole HPC site on this machine: up, down, status."""
    from esd_localsite.cli import app as local_app  # noqa: PLC0415 - only this command needs the local site
    from esd_localsite.errors import LocalSiteError  # noqa: PLC0415

    try:
        local_app(args=context.args, prog_name="esd-deploy local", standalone_mode=False)
    except LocalSiteError as error:
        raise ToolError(str(error)) from error


_LATER = {
    "validate": "`esd-deploy run` checks the MPI wire-up of every job and records the versions inside",
    "drift": "compare `versions` in the run.json of two sites",
    "report": "`esd-deploy list` shows the runs, and run.json all that is known of one",
}


def _later(name: str, why: str) -> None:
    @app.command(
        name, help=f"Not there yet; until then: {why}.", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
    )
    def command() -> None:
        raise UsageError(f"`esd-deploy {name}` is not there yet; until then: {why}")


for _name, _why in _LATER.items():
    _later(_name, _why)


def _request(script: Path, arguments: list[str] | None, image: str | None, shape: Shape, time: str | None) -> Request:
    return Request(script, tuple(arguments or ()), image, shape, options.seconds(time) if time else None)


def _known(run_id: str, output: Path, site: str | None, steps: Display | None) -> Run:
    known = record.load(output, run_id)
    return Site.load(site or str(known.site_file or known.site)).run(run_id, runs=output, display=steps)


def _print_plan(plan: Plan) -> None:
    typer.echo(str(plan.launch))
    typer.echo(json.dumps(description(plan), indent=2))


def _finish(run: Run, *, as_json: bool) -> None:
    ended: RunRecord = run.record
    if as_json:
        typer.echo(ended.model_dump_json(indent=2))
    else:
        shown.out.print(outcome.table(ended))
        typer.echo(str(run.folder / record.FILE_NAME))
    if not ended.succeeded:
        raise RunFailedError(outcome.failure(ended, run.folder))


@contextmanager
def _going_on(run_id: str, output: Path) -> Iterator[None]:
    """Tell a user who leaves, or who loses the site, that the run does not end with the client."""
    options_again = run_id if output == RUNS else f"{run_id} --output {output}"
    again = f"`esd-deploy attach {options_again}`"
    try:
        yield
    except KeyboardInterrupt:
        _stop(
            f"interrupted; the job goes on. Come back to it with {again}, or end it with `esd-deploy cancel {options_again}`", INTERRUPTED
        )
    except ToolError as error:
        raise ToolError(f"{error}\nThe run is kept: {again} takes it up again") from error


def _stop(message: str, code: int) -> NoReturn:
    print(f"esd-deploy: {message}", file=sys.stderr)
    raise SystemExit(code)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point: every expected error becomes one message and its exit code."""
    try:
        app(arguments, standalone_mode=True)
    except SystemExit as end:
        # Typer ends a wrong call with 2, which is ours for a wrong data file.
        raise SystemExit(UsageError.exit_code if end.code == 2 else end.code) from None
    except KeyboardInterrupt:
        _stop("interrupted", INTERRUPTED)
    except EsdError as error:
        if os.environ.get("ESD_DEBUG"):
            raise
        _stop(str(error), error.exit_code)
    raise SystemExit(0)
