"""The command `esd-deploy script`: the batch script of a run, for those who call sbatch themselves."""

import shlex

import typer

from esd_build.data.errors import UsageError
from esd_deploy.commands import options, words
from esd_deploy.commands.running import Conditions, planned, with_default_image
from esd_deploy.plans import launch
from esd_deploy.plans.request import Request
from esd_deploy.sites.catalogue import load_site

app = typer.Typer()


@app.command()
def script(  # noqa: PLR0913 - each parameter is an option of the command line
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
    partition: options.PartitionName = None,
    account: options.Account = None,
    env: options.Environment = None,
    job_name: options.JobName = None,
    require_signature: options.RequireSignature = False,
) -> None:
    """Print a batch script that does the same as `run`, for those who call sbatch themselves."""
    wanted = Request(
        script=script,
        arguments=tuple(arguments or ()),
        image=image,
        shape=words.shape(nodes, tasks_per_node, threads, ranks),
        time_s=options.time_s(time),
        mode=options.mode(mode),
        partition=partition,
        account=account,
        name=words.job_name(job_name),
        environment=words.variables(env or ()),
    )
    config, _ = load_site(site)
    mode_there = with_default_image(wanted, config).mode_at(config)
    if mode_there in {"login", "queue"}:
        raise UsageError(f"--mode {mode_there} is not a batch job; run `{shlex.join(('python3', script.name, *wanted.arguments))}`")
    _, plan = planned(site, wanted, Conditions(signed=require_signature))
    print(launch.batch_script(plan.site, plan.shape, plan.command, image=plan.image, time_s=plan.time_s, name=plan.name), end="")
