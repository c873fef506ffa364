"""The job of a run at a UNICORE site: the files that are staged in, and the job description. Pure; the only place that knows its keys."""

import importlib.resources
import re
from pathlib import Path

from esd_deploy.plans import launch
from esd_deploy.plans.plan import JobDescription, Plan

JOB_FILES = ("cache.sh", "pull.sh", "digest.sh", "job.sh", "wireup.py", "versions.py")
LAUNCH_FILE = "esd/launch.sh"
BATCH_FILE = "esd/batch.sh"
BATCH_DETAILS = "esd/batch.details"


def files(plan: Plan) -> dict[str, bytes]:
    """Everything that is staged in: path in the job's folder → content."""
    own = importlib.resources.files("esd_deploy") / "job"
    return {
        **plan.own_files,
        **{f"esd/{name}": (own / name).read_bytes() for name in JOB_FILES},
        LAUNCH_FILE: launch.launch_file(plan.site, plan.shape, plan.command, mode=plan.mode).encode(),
        **(_batch_files(plan) if _calls_sbatch(plan) else {}),
    }


def _calls_sbatch(plan: Plan) -> bool:
    return plan.site.submit == "sbatch" and plan.mode != "login"


def _batch_files(plan: Plan) -> dict[str, bytes]:
    lines = ("#!/usr/bin/env bash", *launch.batch_options(plan.site, plan.shape, plan.time_s), "exec bash esd/job.sh", "")
    submit = importlib.resources.files("esd_deploy") / "job" / "submit.sh"
    return {"esd/submit.sh": submit.read_bytes(), BATCH_FILE: "\n".join(lines).encode()}


def description(plan: Plan) -> JobDescription:
    """The UNICORE job description. It holds no secret, and can be archived."""
    by_hand = _calls_sbatch(plan)
    # A login-node job is one stage: there submit.sh pulls the image itself.
    pull = {"User precommand": "bash esd/pull.sh", "RunUserPrecommandOnLoginNode": "true"} if plan.image and not by_hand else {}
    return {
        # UNICORE replaces a name that holds '-', '_' or a blank.
        "Name": "esd" + re.sub(r"[^A-Za-z0-9]", "", Path(plan.script_name).stem),
        "Tags": [plan.run_id, *plan.tags],
        "Executable": "bash",
        "Arguments": ["esd/submit.sh" if by_hand else "esd/job.sh"],
        "Environment": {**launch.variables(plan.site, plan.shape), **_image_variables(plan)},
        **({"Job type": "ON_LOGIN_NODE"} if plan.mode == "login" or by_hand else {"Resources": _resources(plan)}),
        **pull,
        "haveClientStageIn": "true",
    }


def _resources(plan: Plan) -> dict[str, str]:
    return {
        "Nodes": str(plan.shape.nodes),
        # UNICORE has no cpus-per-task: the allocation is asked for by CPU, srun then says how ranks and threads share it.
        "CPUsPerNode": str(plan.shape.cpus_per_node),
        "Runtime": str(plan.time_s),
        **({"Queue": plan.site.partition} if plan.site.partition else {}),
        **({"Project": plan.site.account} if plan.site.account else {}),
    }


def _image_variables(plan: Plan) -> dict[str, str]:
    if plan.image is None:
        return {}
    return {
        "ESD_IMAGE_REFERENCE": plan.image.reference.oras,
        "ESD_IMAGE_SHA256": plan.image.sif_digest.removeprefix("sha256:"),
        "ESD_IMAGE_SIZE": str(plan.image.size),
        "ESD_IMAGE_CACHE": plan.site.image_cache,
        **({"ESD_IMAGE_CACHE_KEEPER": plan.site.image_cache_keeper} if plan.site.image_cache_keeper else {}),
        "ESD_SCRATCH_VARIABLE": plan.site.scratch,
        "ESD_APPTAINER": plan.site.apptainer,
        # Its remarks on missing helpers would bury a script's own traceback.
        "APPTAINER_QUIET": "1",
    }
