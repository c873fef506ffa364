"""The command `esd-deploy tunnel`: reach a port of a running job from this machine."""

import json
import time
from typing import Annotated

import typer

from esd_build.data.errors import ToolError
from esd_build.net.words import say
from esd_deploy.backends.connection import RefusedError
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import known_run
from esd_deploy.records.record import RUNS
from esd_deploy.runs.run import Run
from esd_deploy.services.target import Target, found
from esd_deploy.services.tunnel import LOOPBACK, Tunnel

app = typer.Typer()


@app.command()
def tunnel(
    run_id: options.RunId,
    *,
    to: Annotated[str, typer.Option("--to", metavar="[HOST:]PORT", help="Where it leads; default host: the run's first node.")],
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port on this machine; 0: any free one.")] = 0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run runs and a program listens there.")] = False,
    site: options.KnownSite = None,
    output: options.Output = RUNS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as one line of JSON.")] = False,
) -> None:
    """Reach a port of a running run from this machine, through the site's server, until Ctrl-C or the run's end.

    Listens on this machine's loopback only. Every user of this machine can use the port: a service needs a secret of its own.
    """
    run = known_run(run_id, output, site, None)
    asked = Target.parse(to)
    try:
        here = found(run, asked, wait=wait, notice=_tell)
        with Tunnel(lambda: here.passage(run), str(here), port=port, notice=_tell) as opened:
            say(_json(run, here, opened) if as_json else f"{LOOPBACK}:{opened.port} -> {here} (run {run.id}); Ctrl-C closes it")
            _until_the_end(run)
        _tell(f"run {run.id} has ended ({run.record.status}); the tunnel is closed")
    except KeyboardInterrupt:
        _tell(f"the tunnel is closed; run {run.id} goes on")


def _json(run: Run, to: Target, opened: Tunnel) -> str:
    return json.dumps({"run": run.id, "address": LOOPBACK, "port": opened.port, "to": str(to)})


def _until_the_end(run: Run) -> None:
    """Wait for the run's end, whatever becomes of the site meanwhile."""
    while not run.record.ended:
        time.sleep(run.poll_s)
        try:
            run.refresh()
        except RefusedError as error:
            _tell(str(error))
        except ToolError as error:
            _tell(f"{error}; the tunnel stays open")


def _tell(text: str) -> None:
    say(f"esd-deploy: {text}", err=True)
