"""The command `esd-deploy attach`: wait for runs that were started before."""

import typer

from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.running import going_on, known_run, take
from esd_deploy.commands.shared.several import Chosen, printed
from esd_deploy.display.progress import display
from esd_deploy.records.record import RUNS

app = typer.Typer()


@app.command()
def attach(
    run_ids: options.AnyRuns = None,
    *,
    tag: options.OfTag = None,
    site: options.KnownSite = None,
    output: options.Output = RUNS,
    as_json: options.Json = False,
) -> None:
    """Wait for a run that was submitted earlier and fetch its results. On another machine, give the job's URL or id, and --site.

    Of many runs, `watch` follows all at once.
    """
    chosen = Chosen.of(run_ids, tag, output)
    with printed(chosen, as_json=as_json) as found:

        def one(run_id: str) -> None:
            with display(quiet=as_json) as steps, going_on(run_id, output):
                run = known_run(run_id, output, site, steps, adopt=True)
                run.resume()
                run.wait()
            take(run, found, as_json=as_json)

        chosen.each(one)
