"""The command `esd-deploy watch`: many runs, live, until all have ended and all results are here."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from esd_deploy import fleet, options
from esd_deploy.connection import SUCCESSFUL
from esd_deploy.fleet import Fleet, Standing
from esd_deploy.record import RunRecord
from esd_deploy.running import RunFailedError
from esd_deploy.site import RUNS

app = typer.Typer()
_ROWS = 30
_QUESTIONS_A_SECOND = 50


@app.command()
def watch(
    *,
    output: options.Output = RUNS,
    tag: Annotated[str | None, typer.Option(help="Only the runs with this tag.")] = None,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between two questions.")] = 5,
    bring: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Fetch the results of each run that ends.")] = True,
) -> None:
    """Follow all runs that have not ended, or whose results are not here; Ctrl-C leaves them running. Exit code 1 if one of them failed."""
    waiting = frozenset(one.id for one in fleet.records(output, tag) if one.job.url and _is_open(one, bring=bring))
    if not waiting:
        typer.echo("no run is going on")
        return
    console = Console(stderr=True)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        ended = _follow(Fleet(output), waiting, interval, live if console.is_terminal else None, bring=bring)
    failed = [one for one in ended.values() if one.problem or one.ending not in {"succeeded", ""} or one.status != SUCCESSFUL]
    typer.echo(f"{len(ended)} runs ended, {len(failed)} of them did not succeed")
    if failed:
        lines = "\n".join(f"  {one.id}: {one.problem or one.ending or one.status}" for one in failed[:20])
        raise RunFailedError(f"{len(failed)} runs did not succeed\n{lines}")


def _is_open(one: RunRecord, *, bring: bool) -> bool:
    """Whether it goes on, or ended while nobody was there to fetch its results."""
    return not one.ended or (bring and one.ending is None)


def _follow(runs: Fleet, waiting: frozenset[str], interval: float, live: Live | None, *, bring: bool) -> dict[str, Standing]:
    """Ask again and again until all have ended; what ended is not asked again."""
    ended: dict[str, Standing] = {}
    while True:
        standings = runs.refresh(sorted(waiting - ended.keys()))
        over = [one for one in standings if one.ended]
        for one in runs.bring(one.id for one in over) if bring else over:
            ended[one.id] = one
            if live is None:
                typer.echo(f"{one.id}: {one.problem or one.ending or one.status}", err=True)
        if live is not None:
            live.update(table([*ended.values(), *(one for one in standings if not one.ended)]), refresh=True)
        if len(ended) == len(waiting):
            return ended
        time.sleep(pause(len(waiting) - len(ended), interval))


def pause(runs: int, interval: float) -> float:
    """Seconds until all are asked again: a server gets no more than so many questions a second, however many runs there are."""
    return max(interval, runs / _QUESTIONS_A_SECOND)


def table(standings: Iterable[Standing]) -> Table:
    """How all stand: a count of each state, and the last runs."""
    rows = list(standings)
    counts = ", ".join(f"{number} {status}" for status, number in sorted(Counter(one.status for one in rows).items()))
    result = Table("run", "site", "script", "status", "", title=counts, title_justify="left")
    for one in sorted(rows, key=lambda one: (one.ended, one.id))[:_ROWS]:
        result.add_row(one.id, one.site, one.script, one.status, one.problem or one.ending)
    return result
