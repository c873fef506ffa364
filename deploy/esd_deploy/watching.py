"""The command `esd-deploy watch`: many runs, live, until all have ended and all results are here."""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from esd_build.errors import EsdError
from esd_deploy import fleet, options
from esd_deploy.fleet import Standing
from esd_deploy.running import RunFailedError
from esd_deploy.site import RUNS

app = typer.Typer()
_ROWS = 30


@app.command()
def watch(
    *,
    output: options.Output = RUNS,
    tag: Annotated[str | None, typer.Option(help="Only the runs with this tag.")] = None,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between two questions.")] = 5,
    bring: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Fetch the results of each run that ends.")] = True,
) -> None:
    """Follow all runs that have not ended; Ctrl-C leaves them running. Exit code 1 if one of them failed."""
    waiting = frozenset(one.id for one in fleet.records(output, tag) if not one.ended and one.job.url)
    if not waiting:
        typer.echo("no run is going on")
        return
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        ended = _follow(output, waiting, interval, live if console.is_terminal else None, bring=bring)
    failed = [one for one in ended.values() if one.problem or one.ending not in {"succeeded", ""}]
    typer.echo(f"{len(ended)} runs ended, {len(failed)} of them did not succeed")
    if failed:
        lines = "\n".join(f"  {one.id}: {one.problem or one.ending}" for one in failed[:20])
        raise RunFailedError(f"{len(failed)} runs did not succeed\n{lines}")


def _follow(runs: Path, waiting: frozenset[str], interval: float, live: Live | None, *, bring: bool) -> dict[str, Standing]:
    """Ask again and again until all have ended; what ended is not asked again."""
    ended: dict[str, Standing] = {}
    while True:
        standings = fleet.refresh(runs, only=waiting - ended.keys())
        for one in standings:
            if one.ended:
                ended[one.id] = _brought(runs, one) if bring else one
                if live is None:
                    typer.echo(f"{one.id}: {ended[one.id].ending or one.status}", err=True)
        if live is not None:
            live.update(table([*ended.values(), *(one for one in standings if not one.ended)]), refresh=True)
        if len(ended) == len(waiting):
            return ended
        time.sleep(interval)


def _brought(runs: Path, one: Standing) -> Standing:
    try:
        return fleet.standing(fleet.live(runs, one.id).finish())
    except EsdError as error:
        return fleet.standing(fleet.live(runs, one.id).record, str(error).splitlines()[0])


def table(standings: Iterable[Standing]) -> Table:
    """How all stand: a count of each state, and the last runs."""
    rows = list(standings)
    counts = ", ".join(f"{number} {status}" for status, number in sorted(Counter(one.status for one in rows).items()))
    result = Table("run", "site", "script", "status", "", title=counts, title_justify="left")
    for one in sorted(rows, key=lambda one: (one.ended, one.id))[:_ROWS]:
        result.add_row(one.id, one.site, one.script, one.status, one.problem or one.ending)
    return result
