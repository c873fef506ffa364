"""The command `esd-deploy run`: a script at a site, from its submission to its results."""

import typer

from esd_deploy.commands import options, words
from esd_deploy.commands.running import Conditions, carry_out, planned
from esd_deploy.plans.request import Request
from esd_deploy.runs.site import RUNS

app = typer.Typer()


@app.command("run")
def run_command(  # noqa: PLR0913 - each parameter is an option of the command line
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
    output: options.Output = RUNS,
    as_json: options.Json = False,
    dry_run: options.DryRun = False,
    require_signature: options.RequireSignature = False,
    force: options.Force = False,
) -> None:
    """Run a script at a site, wait for it, fetch its results, keep a record in OUTPUT/<id>/run.json."""
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
    how = Conditions(force=force, dry_run=dry_run, signed=require_signature)
    place, plan = planned(site, wanted, how, model=model, runs=output)
    carry_out(place, plan, output, how, as_json=as_json)
