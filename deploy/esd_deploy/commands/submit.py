"""The command `esd-deploy submit`: one run or many, without waiting for them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.net.words import say
from esd_deploy.commands import options
from esd_deploy.commands.asked import Asked, asks
from esd_deploy.commands.console import printed_array
from esd_deploy.commands.running import Conditions, RunFailedError, allowed, going_on, leaving, planned
from esd_deploy.display.progress import display
from esd_deploy.errands import packages
from esd_deploy.plans import parameters
from esd_deploy.plans.parameters import Parameters
from esd_deploy.plans.plan import Plan
from esd_deploy.records import outcome
from esd_deploy.records.record import RunRecord
from esd_deploy.runs import sweep
from esd_deploy.runs.site import RUNS, Site, numbered
from esd_deploy.runs.sweep import Member

app = typer.Typer()
Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUES",
        help="A sweep: a run for each value (g=4,4.5,5, seed=1..4, w=0..1..0.25); repeated, for each combination.",
    ),
]
Rows = Annotated[
    Path | None, typer.Option("--params", metavar="FILE", help="A sweep: a run for each row of a CSV file, whose first line has the names.")
]
Again = Annotated[bool, typer.Option("--again", help="Submit also the runs of a sweep whose work is done, or going on.")]


@app.command()
@asks()
def submit(  # noqa: PLR0913 - each parameter is an option of the command line
    asked: Asked,
    *,
    count: Annotated[int, typer.Option(min=1, help="Submit this many runs; each finds its number, from 0, in $ESD_RUN_INDEX.")] = 1,
    param: Params = None,
    params: Rows = None,
    again: Again = False,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Submit a script and return; `attach` waits for it later. Prints the run's id; of many runs one a line, with --json an array."""
    combinations = parameters.combinations(param or (), parameters.read(params) if params else ())
    if combinations and count > 1:
        raise UsageError("--count with --param or --params: name the repetitions by a parameter, e.g. --param trial=1..4")
    asked = replace(asked, tag=asked.tag or [f"sweep-{asked.script.stem}"]) if combinations else asked
    how = Conditions(force=force, signed=require_signature)
    place, plan = planned(asked.site, asked.request(output), how, model=asked.model, requirements=asked.requirements, runs=output)
    allowed(place, plan, how)
    with display(quiet=as_json) as steps:
        plan = packages.ensured(place, plan, steps.step)
    if combinations:
        _sweep(place, plan, combinations, output, again=again, as_json=as_json)
        return
    found = _submitted(place, plan, count, output, quiet=as_json or count > 1)
    _tell(found, as_json=as_json, many=count > 1)


def _submitted(place: Site, plan: Plan, count: int, output: Path, *, quiet: bool) -> Iterator[RunRecord]:
    with display(quiet=quiet) as steps:
        for run in place.start_many(numbered(plan, count), runs=output, display=steps):
            with going_on(run.id, output):
                run.submit()
            yield _begun(run.record, output)


def _tell(found: Iterator[RunRecord], *, as_json: bool, many: bool) -> None:
    """Each as soon as it is there."""
    if as_json and many:
        printed_array(one.model_dump_json(indent=2) for one in found)
        return
    for one in found:
        say(one.model_dump_json(indent=2) if as_json else one.id)


def _begun(one: RunRecord, output: Path) -> RunRecord:
    """Raises RunFailedError for a run whose site could not begin it."""
    if one.ended and not one.succeeded:
        raise RunFailedError(outcome.failure(one, output / one.id))
    return one


def _sweep(place: Site, plan: Plan, combinations: tuple[Parameters, ...], output: Path, *, again: bool, as_json: bool) -> None:
    with display(quiet=True) as steps, sweep.alone_in(output, steps):
        found = sweep.members(plan, combinations, output, again=again)
        rest = f"those that were submitted are kept in {output}; the same command submits the rest of the {len(found)} runs"
        with leaving(rest, rest):
            _tell((_begun(one, output) for one in sweep.submitted(place, found, output, steps)), as_json=as_json, many=True)
    tag = plan.tags[0]
    say(f"{told(found)}; `esd-deploy watch --tag {tag}` follows them, `esd-deploy list --table --tag {tag}` shows them", err=True)


def told(found: list[Member]) -> str:
    """How many runs a sweep has, and how many of them had to be submitted."""
    counts = Counter[str](one.standing for one in found)
    words = {"new": "submitted", "begun": "taken up again", "active": "active already", "done": "done already"}
    return f"{len(found)} runs: " + ", ".join(f"{counts[how]} {word}" for how, word in words.items() if counts[how])
