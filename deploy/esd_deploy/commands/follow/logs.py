"""The command `esd-deploy logs`: what a run's script has printed so far."""

import sys
import time
from typing import Annotated

import typer

from esd_build.net.words import coloured
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import known_run
from esd_deploy.records.record import RUNS

app = typer.Typer()


@app.command()
def logs(
    run_id: options.RunId,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow until the run has ended; Ctrl-C leaves it running.")] = False,
    stderr: Annotated[bool, typer.Option("--stderr", help="Show its standard error instead.")] = False,
    site: options.KnownSite = None,
    output: options.Output = RUNS,
) -> None:
    """Show what a run's script has printed so far, read at the site while it runs."""
    run = known_run(run_id, output, site, None)
    stream, said = "stderr" if stderr else "stdout", 0
    while True:
        if not run.record.ended:
            run.refresh()
        new = run.output(stream, said)
        sys.stdout.buffer.write(coloured(new) if sys.stdout.isatty() else new)
        sys.stdout.buffer.flush()
        said += len(new)
        if run.record.ended or not follow:
            return
        time.sleep(run.poll_s)
