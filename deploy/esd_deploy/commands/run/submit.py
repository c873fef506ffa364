"""The command `esd-deploy submit`: one run or many, without waiting for them."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from esd_build.data.errors import UsageError
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.asked import Asked, asks
from esd_deploy.commands.shared.console import printed_array
from esd_deploy.commands.shared.running import Conditions, RunFailedError, allowed, going_on, leaving, planned, warn
from esd_deploy.display.progress import display
from esd_deploy.errands import packages
from esd_deploy.inputs import parameters
from esd_deploy.inputs.parameters import Parameters
from esd_deploy.plans.plan import Plan
from esd_deploy.records import outcome
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.runs.site import Site, numbered
from esd_deploy.several import order, sweep
from esd_deploy.several.sweep import Member

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

# Slurm's word, known only to be refused with what to type instead: each run is a job of its own (docs/explanation/how-a-run-works.md).
Array = Annotated[str | None, typer.Option("--array", metavar="INDEXES", hidden=True)]
_ARRAY = """--array {indexes}: no Slurm array is submitted, because its elements share a folder, an exit code and an end, and no run may.
Type `--count N` instead (each run finds its number, from 0, in $ESD_RUN_INDEX), or `--param task={values}` ($ESD_PARAM_task)"""


@app.command()
@asks()
def submit(  # noqa: PLR0913 - each parameter is an option of the command line
    asked: Asked,
    *,
    count: Annotated[int, typer.Option(min=1, help="Submit this many runs; each finds its number, from 0, in $ESD_RUN_INDEX.")] = 1,
    param: Params = None,
    params: Rows = None,
    again: Again = False,
    array: Array = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Submit a script and return; `attach` waits for it later. Prints the run's id; of many runs one a line, with --json an array."""
    if array is not None:
        raise UsageError(_ARRAY.format(indexes=array, values=array.partition("%")[0].replace("-", "..")))
    ready = prepared(
        asked,
        output,
        quiet=as_json,
        count=count,
        param=param,
        params=params,
        again=again,
        require_signature=require_signature,
        force=force,
    )
    many = count > 1 or bool(ready.combinations)
    _tell(ready.submitted(quiet=as_json or many, notice=lambda text: say(text, err=True)), as_json=as_json, many=many)


@dataclass(frozen=True)
class Prepared:
    """A submission that passed every check: what is left to do is to submit it."""

    place: Site
    plan: Plan
    output: Path
    count: int = 1
    combinations: tuple[Parameters, ...] = ()
    again: bool = False

    def submitted(self, *, quiet: bool, notice: Callable[[str], None]) -> Iterator[RunRecord]:
        """Submits; gives the record of each run as soon as it is there. `notice` is told how many runs a sweep has."""
        return self._sweep(notice) if self.combinations else self._runs(quiet=quiet)

    def _runs(self, *, quiet: bool) -> Iterator[RunRecord]:
        with display(quiet=quiet) as steps:
            for run in self.place.start_many(numbered(self.plan, self.count), runs=self.output, display=steps):
                with going_on(run.id, self.output):
                    run.submit()
                yield _begun(run.record, self.output)

    def _sweep(self, notice: Callable[[str], None]) -> Iterator[RunRecord]:
        with display(quiet=True) as steps, sweep.alone_in(self.output, steps):
            found = sweep.members(self.plan, self.combinations, self.output, again=self.again)
            rest = f"those that were submitted are kept in {self.output}; the same command submits the rest of the {len(found)} runs"
            with leaving(rest, rest):
                for one in sweep.submitted(self.place, found, self.output, steps):
                    yield _begun(one, self.output)
        tag = self.plan.tags[0]
        notice(f"{told(found)}; `esd-deploy watch --tag {tag}` follows them, `esd-deploy list --table --tag {tag}` shows them")


def prepared(  # noqa: PLR0913 - the options of `submit`
    asked: Asked,
    output: Path,
    *,
    quiet: bool,
    count: int = 1,
    param: Sequence[str] | None = None,
    params: Path | None = None,
    again: bool = False,
    require_signature: bool = False,
    force: bool = False,
    notice: Callable[[str], None] = warn,
) -> Prepared:
    """Plans and checks; installs packages that the run needs, and waits for --after. The run itself is not submitted yet."""
    how = Conditions(force=force, signed=require_signature)
    combinations = parameters.combinations(param or (), parameters.read(params) if params else ())
    if combinations and count > 1:
        raise UsageError("--count with --param or --params: name the repetitions by a parameter, e.g. --param trial=1..4")
    asked = replace(asked, tag=asked.tag or [f"sweep-{asked.script.stem}"]) if combinations else asked
    before = order.predecessors(output, asked.after or ())
    place, plan = planned(asked.site, asked.request(output), how, model=asked.model, requirements=asked.requirements, runs=output)
    plan = replace(plan, after=before)
    allowed(place, plan, how, notice)
    with display(quiet=quiet) as steps:
        plan = order.in_order(place, packages.ensured(place, plan, steps.step), output, steps)
    return Prepared(place, plan, output, count, combinations, again)


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


def told(found: list[Member]) -> str:
    """How many runs a sweep has, and how many of them had to be submitted."""
    counts = Counter[str](one.standing for one in found)
    words = {"new": "submitted", "begun": "taken up again", "active": "active already", "done": "done already"}
    return f"{len(found)} runs: " + ", ".join(f"{counts[how]} {word}" for how, word in words.items() if counts[how])
