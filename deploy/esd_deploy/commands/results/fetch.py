"""The command `esd-deploy fetch`: what runs have made so far."""

import typer

from esd_build.data.paths import shown
from esd_build.net.words import say
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import known_run, require_all
from esd_deploy.commands.shared.several import Chosen, printed
from esd_deploy.display.progress import display
from esd_deploy.records.record import RUNS

app = typer.Typer()


@app.command()
def fetch(
    run_ids: options.RunIds = None,
    *,
    tag: options.OfTag = None,
    site: options.KnownSite = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
) -> None:
    """Fetch the results of a run so far."""
    chosen = Chosen.of(run_ids, tag, output)
    with printed(chosen, as_json=as_json) as found:

        def one(run_id: str) -> None:
            with display(quiet=as_json) as steps:
                run = known_run(run_id, output, site, steps)
                run.refresh()
                run.finish()
            found.append(run.record)
            if not as_json:
                say(f"{len(run.record.files)} files in {shown(run.folder)}")
            require_all(run.record)

        chosen.each(one)
