"""The command `esd-deploy script`: the batch script of a run, for those who call sbatch themselves."""

import shlex

import typer

from esd_build.data.errors import UsageError
from esd_deploy.commands import options
from esd_deploy.commands.running import Conditions, planned
from esd_deploy.plans import launch
from esd_deploy.plans.launch import Shape
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
    tasks_per_node: options.TasksPerNode = 1,
    threads: options.Threads = 1,
    time: options.Time = None,
    partition: options.PartitionName = None,
    account: options.Account = None,
    require_signature: options.RequireSignature = False,
) -> None:
    """Print a batch script that does the same as `run`, for those who call sbatch themselves."""
    wanted = Request(
        script=script,
        arguments=tuple(arguments or ()),
        image=image,
        shape=Shape(nodes, tasks_per_node, threads),
        time_s=options.time_s(time),
        mode=options.mode(mode),
        partition=partition,
        account=account,
    )
    mode_there = wanted.mode_at(load_site(site)[0])
    if mode_there in {"login", "queue"}:
        raise UsageError(f"--mode {mode_there} is no batch job; just run `{shlex.join(('python3', script.name, *wanted.arguments))}`")
    _, plan = planned(site, wanted, Conditions(signed=require_signature))
    print(launch.batch_script(plan.site, plan.shape, plan.command, image=plan.image, time_s=plan.time_s), end="")
