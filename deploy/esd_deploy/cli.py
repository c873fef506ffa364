"""The command `esd-deploy`: run programs at a site and keep a record of what ran."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from esd_build.errors import EsdError, ToolError, UsageError
from esd_deploy import launch, options, outcome, record
from esd_deploy.catalogue import Catalogue, load_site
from esd_deploy.display import Display, display
from esd_deploy.launch import Shape
from esd_deploy.plan import Plan, Request, description
from esd_deploy.record import RunRecord
from esd_deploy.run import Run
from esd_deploy.site import RUNS, Site

INTERRUPTED = 130
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
out = Console(soft_wrap=True, highlight=False, markup=False)


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
    with display(quiet=as_json) as shown, _going_on(plan.run_id, output):
        run = place.start(plan, runs=output, display=shown)
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
    with display(quiet=as_json) as shown, _going_on(plan.run_id, output):
        run = place.start(plan, runs=output, display=shown)
        run.submit()
    out.print(run.record.model_dump_json(indent=2) if as_json else run.id)


@app.command()
def attach(run_id: options.RunId, *, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Wait for a run that was started before, and fetch its results."""
    with display(quiet=as_json) as shown, _going_on(run_id, output):
        run = _known(run_id, output, shown)
        run.resume()
        run.wait()
    _finish(run, as_json=as_json)


@app.command()
def fetch(run_id: options.RunId, *, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Fetch what a run has made so far."""
    with display(quiet=as_json) as shown:
        run = _known(run_id, output, shown)
        run.refresh()
        run.fetch()
    out.print(run.record.model_dump_json(indent=2) if as_json else f"{len(run.record.files)} files in {run.folder}")


@app.command()
def cancel(run_id: options.RunId, *, output: options.Output = RUNS) -> None:
    """End a run at its site."""
    run = _known(run_id, output, None)
    out.print(f"{run_id}: {run.cancel().status}")


@app.command("list")
def list_command(*, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """The runs that have a record here, as they were last seen."""
    records = [record.load(output, run_id) for run_id in record.known(output)]
    if as_json:
        out.print(json.dumps([r.model_dump(mode="json") for r in records], indent=2))
        return
    table = Table("run", "site", "script", "status", "image digest")
    for r in records:
        table.add_row(r.id, r.site, r.script.name, r.status, r.image.digest if r.image else "-")
    out.print(table)


@app.command()
def sites(*, as_json: options.Json = False) -> None:
    """The sites that are configured."""
    catalogue = Catalogue.find()
    configured = [catalogue.site(name) for name in catalogue.site_names]
    if as_json:
        out.print(json.dumps([{"name": c.name, "kind": c.kind, "description": c.description} for c in configured], indent=2))
        return
    table = Table("site", "kind", "description")
    for config in configured:
        table.add_row(config.name, config.kind, config.description)
    out.print(table)


@app.command("site")
def site_command(name: Annotated[str, typer.Argument(help="A name from `esd-deploy sites`.")], *, as_json: options.Json = False) -> None:
    """A site's settings, and where each one comes from."""
    config = load_site(name)
    given = config.model_fields_set
    values = config.model_dump(mode="json")
    source = {key: "site-configs" if key in given else "default" for key in values}
    if as_json:
        out.print(json.dumps({key: {"value": value, "source": source[key]} for key, value in values.items()}, indent=2))
        return
    table = Table("setting", "value", "from")
    for key, value in values.items():
        table.add_row(key, json.dumps(value), source[key])
    out.print(table)


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
    "validate": "comes with issue 5; until then `esd-deploy run` checks the MPI wire-up of every job and records the versions inside",
    "drift": "comes with issue 6; until then compare `versions` in the run.json of two sites",
    "report": "comes with issue 6; until then `esd-deploy list` shows the runs, and run.json all that is known of one",
}


def _later(name: str, why: str) -> None:
    @app.command(name, help=f"Not there yet: {why}.", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def command() -> None:
        raise UsageError(f"`esd-deploy {name}` is not there yet; it {why}")


for _name, _why in _LATER.items():
    _later(_name, _why)


def _request(script: Path, arguments: list[str] | None, image: str | None, shape: Shape, time: str | None) -> Request:
    return Request(script, tuple(arguments or ()), image, shape, options.seconds(time) if time else None)


def _known(run_id: str, output: Path, shown: Display | None) -> Run:
    return Site.load(record.load(output, run_id).site).run(run_id, runs=output, display=shown)


def _print_plan(plan: Plan) -> None:
    out.print(str(plan.launch))
    out.print(json.dumps(description(plan), indent=2))


def _finish(run: Run, *, as_json: bool) -> None:
    ended: RunRecord = run.record
    if as_json:
        out.print(ended.model_dump_json(indent=2))
    else:
        out.print(outcome.table(ended))
        out.print(f"record: {run.folder / record.FILE_NAME}")
    if not ended.succeeded:
        code = "no exit code" if ended.exit_code is None else f"exit code {ended.exit_code}"
        raise RunFailedError(
            f"run {ended.id} did not succeed ({ended.status}, {code}); all files are in {run.folder}\n{outcome.reason(ended, run.folder)}"
        )


@contextmanager
def _going_on(run_id: str, output: Path) -> Iterator[None]:
    """Tell a user who leaves (or loses the site for good) that the job does not end with the client."""
    again = f"`esd-deploy attach {run_id}`" + ("" if output == RUNS else f" --output {output}")
    try:
        yield
    except KeyboardInterrupt:
        _stop(f"interrupted; the job goes on. Come back to it with {again}, or end it with `esd-deploy cancel {run_id}`", INTERRUPTED)


def _stop(message: str, code: int) -> NoReturn:
    print(f"esd-deploy: {message}", file=sys.stderr)
    raise SystemExit(code)


def main() -> NoReturn:
    """Entry point: every expected error becomes one message and its exit code."""
    try:
        app(standalone_mode=True)
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
