"""The command `esd-deploy show`: what this machine knows about one run."""

import typer

from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.console import out
from esd_deploy.records import outcome, record
from esd_deploy.records.record import RUNS, RunRecord
from esd_deploy.several import selection

app = typer.Typer()


@app.command()
def show(run_id: options.RunId, *, output: options.Output = RUNS, as_json: options.Json = False) -> None:
    """Show what this machine knows about a run: its table, and the files that were fetched."""
    run_id = selection.one(output, run_id)
    known = record.load(output, run_id)
    if as_json:
        say(known.model_dump_json(indent=2))
        return
    out.print(outcome.table(known))
    for line in files(known):
        say(line)
    say(str(shown(output / run_id / record.FILE_NAME)))


def files(known: RunRecord) -> list[str]:
    """One line for each result, including missing ones."""
    here = [f"{one.size:>12,}  {one.path}" for one in known.files]
    return [*here, *(f"{'not here':>12}  {one.path}: {one.reason}" for one in known.missing)]
