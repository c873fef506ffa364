"""The command `esd-deploy ui`: the same as the commands, as a web page for one user of this machine."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.exceptions import TyperException

from esd_build.data.errors import UsageError
from esd_build.net.words import say
from esd_deploy.bench.reports.files import BENCH
from esd_deploy.commands.run import submit
from esd_deploy.commands.run.rerun import planned_again
from esd_deploy.commands.shared import completion, options
from esd_deploy.commands.shared.asked import Asked
from esd_deploy.commands.shared.running import Conditions, allowed, going_on
from esd_deploy.display.progress import Silent
from esd_deploy.errands import packages
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.ui import serving
from esd_deploy.ui.app import app as pages
from esd_deploy.ui.desk import Desk, Notice
from esd_deploy.ui.follower import INTERVAL_S, Follower
from esd_deploy.ui.form import Field, Kind
from esd_deploy.ui.gate import Keys
from esd_deploy.ui.shelf import Shelf
from esd_deploy.validation.validation import VALIDATIONS

app = typer.Typer()
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine's loopback; 0: one that is free.")]
Interval = Annotated[float, typer.Option(min=0.2, help="Seconds between two requests to a site, while a page is open.")]
Bring = Annotated[bool, typer.Option("--fetch/--no-fetch", help="Fetch the results of each run that ends while a page is open.")]
Folder = Annotated[Path, typer.Option("--validations", help="Folder of all validations, for the verdicts.")]

Series = Annotated[Path, typer.Option("--bench", help="Folder of the series that `bench` measured.")]


@app.command("ui")
def ui_command(
    *,
    output: options.Output = RUNS,
    validations: Folder = VALIDATIONS,
    bench: Series = BENCH,
    port: Port = 0,
    interval: Interval = INTERVAL_S,
    fetch: Bring = True,
) -> None:
    """Serve runs, results and sites as a web page, on this machine and for you only; Ctrl-C ends it, and no run."""
    shelf = Shelf(output)
    follower = Follower(shelf, interval_s=interval, fetch=fetch)
    desk = Desk(shelf, follower, Submission(output), lambda run_id, notice: repeated(run_id, output, notice), validations, bench)
    keys = Keys()
    with serving.bound(port) as listening:
        say("Open this address in a browser on this machine; it lets you in, so show it to nobody:")
        say(keys.start(listening.getsockname()[1]))
        serving.serve(pages(desk, keys), listening, ending=follower.stop)


class Submission:
    """The command `submit` without its options about output and Slurm arrays: its options as fields, its words read as it reads them."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._command = typer.main.get_command(_parser(output))
        self.fields = tuple(_field(one) for one in self._command.params if one.name not in _OF_THE_SHELL)

    def __call__(self, words: Sequence[str], notice: Notice) -> Iterator[RunRecord]:
        """Raises UsageError for words that are no call of `submit`, and what `submit` raises."""
        try:
            begin = self._command.main(list(words), prog_name="submit", standalone_mode=False)
        except TyperException as error:
            raise UsageError(error.format_message()) from error
        ready: submit.Prepared = begin(notice)
        return ready.submitted(quiet=True, notice=notice)


_OURS = frozenset({"output", "as_json", "array"})
_OF_THE_SHELL = frozenset({"install_completion", "show_completion", "help"})


def _parser(output: Path) -> typer.Typer:
    """A command with the options of `submit`; its result waits for whom to tell of traps."""
    asked = {one.name for one in fields(Asked)}
    shared = [one for one in inspect.signature(submit.submit).parameters.values() if one.name not in _OURS]

    def read(**given: Any) -> Callable[[Notice], submit.Prepared]:
        request = Asked(**{name: given.pop(name) for name in asked & given.keys()})
        return lambda notice: submit.prepared(request, output, quiet=True, notice=notice, **given)

    read.__signature__ = inspect.Signature(shared)  # type: ignore[attr-defined]  # inspect.signature looks here first
    read.__annotations__ = {one.name: one.annotation for one in shared}
    parser = typer.Typer(add_completion=False)
    parser.command("submit")(read)
    return parser


def _field(one: Any) -> Field:
    """An option or argument of a command, as it describes itself."""
    default = "" if one.default is None or _kind(one) == "flag" else str(one.default)
    suggested = {"site": completion.sites, "image": completion.images}.get(one.name, lambda _begun: [])("")
    option = next((word for word in one.opts if word.startswith("--")), "")
    return Field(one.name, option, _kind(one), one.help or "", one.required, default, tuple(suggested))


def _kind(one: Any) -> Kind:
    if getattr(one, "is_flag", False):
        return "flag"
    if one.nargs == -1:
        return "words"
    if one.multiple:
        return "lines"
    return "number" if one.min is not None else "text"


def repeated(run_id: str, output: Path, notice: Notice) -> str:
    """As `rerun`, without waiting; the id of the new run."""
    how = Conditions()
    place, plan = planned_again(run_id, None, output, how)
    allowed(place, plan, how, notice)
    run = place.start(packages.ensured(place, plan, Silent().step), runs=output, rerun_of=run_id)
    with going_on(run.id, output):
        run.submit()
    return run.id
