"""The command `esd-deploy submit`: one run or many, without waiting for them."""

from typing import Annotated

import typer

from esd_deploy.commands import options, words
from esd_deploy.commands.running import Conditions, RunFailedError, allowed, going_on, planned
from esd_deploy.display.progress import display
from esd_deploy.plans.request import Request
from esd_deploy.runs import outcome
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command()
def submit(  # noqa: PLR0913 - each parameter is an option of the command line
    script: options.Script,
    arguments: options.Arguments = None,
    *,
    site: options.SiteName,
    image: options.Image = None,
    mode: options.ModeName = None,
    nodes: options.Nodes = 1,
    ranks: options.Ranks = None,
    tasks_per_node: options.TasksPerNode = None,
    threads: options.Threads = 1,
    time: options.Time = None,
    inputs: options.Inputs = None,
    model: options.Model = None,
    partition: options.PartitionName = None,
    account: options.Account = None,
    env: options.Environment = None,
    job_name: options.JobName = None,
    tag: options.Tags = None,
    count: Annotated[int, typer.Option(min=1, help="Submit this many runs; each finds its number, from 0, in $ESD_RUN_INDEX.")] = 1,
    output: options.Output = RUNS,
    as_json: options.Json = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Submit a script and return; `attach` waits for it later. The last line is the run's id (with --count one line for each)."""
    wanted = Request(
        script=script,
        arguments=tuple(arguments or ()),
        image=image,
        shape=words.shape(nodes, tasks_per_node, threads, ranks),
        time_s=options.time_s(time),
        mode=options.mode(mode),
        inputs=tuple(inputs or ()),
        partition=partition,
        account=account,
        tags=tuple(tag or ()),
        name=words.job_name(job_name),
        environment=words.variables(env or ()),
        never=(output,),
    )
    how = Conditions(force=force, signed=require_signature)
    place, plan = planned(site, wanted, how, model=model, runs=output)
    allowed(place, plan, how)
    with display(quiet=as_json or count > 1) as steps:
        for run in place.start_many(plan, count, runs=output, display=steps):
            with going_on(run.id, output):
                run.submit()
            if run.record.ended:
                raise RunFailedError(outcome.failure(run.record, run.folder))
            typer.echo(run.record.model_dump_json(indent=2) if as_json else run.id)
