"""The command `esd-deploy script`: the batch script of a run, for those who call sbatch themselves."""

import shlex

import typer

from esd_build.data.errors import UsageError
from esd_deploy.commands.shared import options
from esd_deploy.commands.shared.asked import Asked, asks
from esd_deploy.commands.shared.running import Conditions, planned, with_default_image
from esd_deploy.plans import launch
from esd_deploy.sites.catalogue import load_site

app = typer.Typer()


@app.command()
@asks(without=("inputs", "requirements", "model", "hardware_config", "tag", "component", "post", "after"))
def script(
    asked: Asked,
    *,
    require_signature: options.RequireSignature = False,
) -> None:
    """Print a batch script that does the same as `run`, for those who call sbatch themselves."""
    wanted = asked.request()
    config, _ = load_site(asked.site)
    mode_there = with_default_image(wanted, config).mode_at(config)
    if mode_there in {"login", "queue"}:
        raise UsageError(f"--mode {mode_there} is not a batch job; run `{shlex.join(('python3', asked.script.name, *wanted.arguments))}`")
    _, plan = planned(asked.site, wanted, Conditions(signed=require_signature))
    print(launch.batch_script(plan.site, plan.shape, plan.command, image=plan.image, time_s=plan.time_s, name=plan.name), end="")
