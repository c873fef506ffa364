"""The command `esd-deploy serve`: a run that stays, and serves NEST until it is stopped."""

import json
from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.names import choose
from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.asked import Asked, asks
from esd_deploy.commands.shared.running import Conditions, RunFailedError, allowed, going_on, planned
from esd_deploy.display.progress import display
from esd_deploy.records.record import RUNS
from esd_deploy.runs.run import Run
from esd_deploy.services import nest_server, standing
from esd_deploy.services.standing import Address

app = typer.Typer()
Service = Annotated[str, typer.Argument(metavar="SERVICE", help=f"What to serve: {nest_server.IMAGE}.", show_default=False)]
Network = Annotated[
    Path | None,
    typer.Option(help="A Python script that every rank runs first; its global variables with nodes are names for them.", dir_okay=False),
]


@app.command()
@asks(script=nest_server.PROGRAM, without=("mode", "model", "hardware_config", "post", "after"))
def serve(  # noqa: PLR0913 - each parameter is an option of the command line
    asked: Asked,
    *,
    service: Service,
    network: Network = None,
    warn: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Warn so long before the time limit.")] = 120,
    save: Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Stop and save so long before the time limit.")] = 20,
    scripts: Annotated[bool, typer.Option("--scripts", help="Run scripts of its clients (`/exec`): they can do whatever you can.")] = False,
    origin: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="Pages from here may ask from a browser, e.g. NEST Desktop's address.")
    ] = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Serve NEST over HTTP on the nodes of a job; return once it answers. `stop` ends it and saves its data."""
    choose(service, [nest_server.IMAGE], what="service")
    wanted = nest_server.Wanted(network, warn, save, scripts, tuple(origin or ()))
    how = Conditions(force=force, dry_run=dry_run, signed=require_signature)
    place, plan = planned(asked.site, nest_server.request(asked.request(output), wanted), how, requirements=asked.requirements, runs=output)
    plan = nest_server.timed(plan, wanted)
    if not allowed(place, plan, how):
        return
    with display(quiet=as_json) as steps:
        run = place.start(plan, runs=output, display=steps)
        with going_on(run.id, output):
            run.submit()
            address = _ready(run)
    _tell(run, address, as_json=as_json)


def _ready(run: Run) -> Address:
    try:
        return standing.ready(run)
    except standing.NotServingError as error:
        raise RunFailedError(str(error)) from error


def _tell(run: Run, address: Address, *, as_json: bool) -> None:
    reached = standing.reachable(run.folder)
    token = shown(run.folder / standing.TOKEN)
    ends = address.ends.isoformat(timespec="seconds") if address.ends else None
    if as_json:
        known = {"id": run.id, "url": address.url, **address.model_dump(exclude={"ends_at"}), "ends": ends}
        say(json.dumps({**known, "token_file": str(token), "reachable": reached}, indent=2))
        return
    say(f"run {run.id}: NEST {address.nest} on {address.ranks} ranks serves at {address.url}" + (f" until {ends}" if ends else ""))
    say(f"token: {token}")
    if not reached:
        way = f"`esd-deploy tunnel {run.id} --to {address.host}:{address.port}` leads there"
        say(f"this machine does not reach that address, only the site's own nodes and login nodes do; {way}")
    say(f"`esd-deploy stop {run.id}` saves the data of its recorders and ends it")
