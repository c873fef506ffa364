"""The command `esd-deploy watch`: many runs, live, until all have ended and all results are here."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.live import Live
from rich.table import Table

from esd_build.data.errors import ToolError, UsageError
from esd_build.net.words import SafeConsole, say
from esd_deploy.backends.connection import SUCCESSFUL, RefusedError
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import RunFailedError
from esd_deploy.records import listing
from esd_deploy.records.listing import Unreadable
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.runs.patience import Refusals
from esd_deploy.several.fleet import Fleet, Standing

app = typer.Typer()
_ROWS = 30
_QUESTIONS_A_SECOND = 50


@app.command()
def watch(
    *,
    output: options.Output = RUNS,
    tag: Annotated[str | None, typer.Option(help="Only the runs with this tag.")] = None,
    interval: Annotated[float, typer.Option(min=0.2, help="Seconds between two requests.")] = 5,
    bring: Annotated[bool, typer.Option("--fetch/--no-fetch", help="Fetch the results of each run that ends.")] = True,
) -> None:
    """Follow all runs that have not ended or whose results are not here. Ctrl-C leaves them running.

    Exit code 1 if one of them failed, 4 if the results of one are not here.
    """
    found = list(listing.everything(output, tag))
    for bad in (one for one in found if isinstance(one, Unreadable)):
        say(f"{bad.id}: {bad.reason}; skipped", err=True)
    waiting = frozenset(one.id for one in found if isinstance(one, RunRecord) and one.job.url and _is_open(one, bring=bring))
    if not waiting:
        say("no run is active")
        return
    console = SafeConsole(stderr=True)
    with Live(console=console, auto_refresh=False, transient=False) as live:
        ended = _follow(Fleet(output), waiting, interval, live if console.is_terminal else None, bring=bring)
    _require_good(list(ended.values()))


def _require_good(runs: list[Standing]) -> None:
    """Raises RunFailedError if a job failed, and ToolError if all succeeded but results are missing here."""
    failed = [one for one in runs if one.ended and (one.ending not in {"succeeded", ""} or one.status != SUCCESSFUL)]
    lost = [one for one in runs if one.problem and one not in failed]
    say(f"{len(runs)} runs ended, {len(failed) + len(lost)} of them did not succeed")
    lines = "\n".join(f"  {one.id}: {_word(one)}" for one in [*failed, *lost][:20])
    if failed:
        raise RunFailedError(f"{len(failed) + len(lost)} runs did not succeed\n{lines}")
    if lost:
        raise ToolError(f"the results of {len(lost)} runs are not all here\n{lines}")


def _is_open(one: RunRecord, *, bring: bool) -> bool:
    """Whether the run continues, or has ended and results are missing here."""
    return not one.ended or (bring and (one.ending is None or bool(one.lost)))


def _follow(runs: Fleet, waiting: frozenset[str], interval: float, live: Live | None, *, bring: bool) -> dict[str, Standing]:
    """Ask repeatedly until all have ended; does not ask about ended runs again."""
    ended: dict[str, Standing] = {}
    told: set[tuple[str, str]] = set()
    refusals = Refusals()
    while True:
        standings = runs.refresh(sorted(waiting - ended.keys()))
        for one in _over(runs, standings, bring=bring):
            ended[one.id] = one
            if live is None:
                say(f"{one.id}: {_word(one)}", err=True)
        going = [one for one in standings if not one.over]
        if live is not None:
            live.update(table([*ended.values(), *going]), refresh=True)
        else:
            _tell(going, told)
        if not going:
            return ended
        step = pause(len(going), interval)
        refusing = {one.site: one.cause for one in going if isinstance(one.cause, RefusedError | UsageError)}
        refusals.spend({one.site for one in going}, refusing, step)
        time.sleep(step)


def _over(runs: Fleet, standings: list[Standing], *, bring: bool) -> Iterator[Standing]:
    """The runs that need no further request; a job that is gone has nothing to fetch."""
    yield from (one for one in standings if one.over and not (bring and one.ended))
    if bring:
        yield from runs.bring(one.id for one in standings if one.ended)


def _tell(going: list[Standing], told: set[tuple[str, str]]) -> None:
    """Report each problem of a site once, however many runs have it."""
    for one in going:
        if one.problem and (one.site, one.problem) not in told:
            told.add((one.site, one.problem))
            say(f"{one.id}: {one.problem}", err=True)


def _word(one: Standing) -> str:
    ending = "" if one.problem and one.ending == "succeeded" else one.ending
    return "; ".join(word for word in (ending, one.problem) if word) or one.status


def pause(runs: int, interval: float) -> float:
    """Seconds until the next round: limits the requests per second to a server, however many runs there are."""
    return max(interval, runs / _QUESTIONS_A_SECOND)


def table(standings: Iterable[Standing]) -> Table:
    """The overall state: a count of each status, and the last runs."""
    rows = list(standings)
    counts = ", ".join(f"{number} {status}" for status, number in sorted(Counter(one.status for one in rows).items()))
    result = Table("run", "site", "script", "status", "", title=counts, title_justify="left")
    for one in sorted(rows, key=lambda one: (one.ended, one.id))[:_ROWS]:
        result.add_row(one.id, one.site, one.script, one.status, one.problem or one.ending)
    return result
