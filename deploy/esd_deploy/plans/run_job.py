"""The job of a run. Pure."""

from esd_deploy.inputs.content import File
from esd_deploy.inputs.packages import LOCK_FILE
from esd_deploy.plans import component, launch
from esd_deploy.plans.job import PULL, JobSpec, own_files
from esd_deploy.plans.plan import Plan

LAUNCH_FILE = "esd/launch.sh"
_SHELL = ("digest.sh", "job.sh", "claim.sh", "inventory.sh", "steps.sh", "wireup.sh", "crash.sh")
SCRIPTS = (*PULL, *_SHELL, "wireup.py", "versions.py")
"""The scripts of `esd_deploy/job` that every run stages."""


def spec(plan: Plan) -> JobSpec:
    """What a run stages and runs: job.sh, with its command lines in `esd/launch.sh`; pull.sh before it, where there is an image."""
    instead = component.steps(plan.site, plan.shape, plan.command, plan.components) if plan.components else None
    text = launch.launch_file(plan.site, plan.shape, plan.command, mode=plan.mode, after=plan.post, repeats=plan.repeats, instead=instead)
    own = own_files(
        *PULL, "digest.sh", "job.sh", "claim.sh", "inventory.sh", "steps.sh", "wireup.sh", "crash.sh", "wireup.py", "versions.py"
    )
    return JobSpec(
        site=plan.site,
        tags=(plan.run_id, *plan.tags),
        name=f"{plan.name or ''}{plan.run_id}",
        script="esd/job.sh",
        files=(*plan.own_files.items(), *own, (LAUNCH_FILE, text.encode()), *_packages(plan), *_post(plan), *_components(plan)),
        place="login" if plan.mode == "login" else "compute",
        shape=plan.shape,
        time_s=plan.time_s,
        before=component.PULL_ALL if plan.components else "esd/pull.sh" if plan.image else None,
        behind="esd/post.sh" if plan.post else None,
        dependencies=plan.dependencies,
        image=plan.image,
        environment=plan.variables,
        private=bool(plan.environment),
        components=plan.components,
    )


def _packages(plan: Plan) -> tuple[File, ...]:
    """What finds them at the site; their lock, so that the run's folder has all that a second run needs."""
    return (*own_files("packages.sh"), (LOCK_FILE, plan.packages.lock)) if plan.packages else ()


def _components(plan: Plan) -> tuple[File, ...]:
    return ((component.PULL_ALL, component.pull_all(plan.components)),) if plan.components else ()


def _post(plan: Plan) -> tuple[File, ...]:
    return own_files("post.sh") if plan.post else ()
