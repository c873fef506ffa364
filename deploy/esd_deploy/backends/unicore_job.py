"""A job at a UNICORE site: the files that are staged in, and the job description. Pure; the only place that knows its keys."""

import re

from esd_deploy.plans import launch
from esd_deploy.plans.job import JobDescription, JobSpec, SiteJob, own_files

_ENTER, _SUBMIT = "esd/enter.sh", "esd/submit.sh"
SITE_FILE = "esd/site.sh"
BATCH_FILE = "esd/batch.sh"


def job(spec: JobSpec) -> SiteJob:
    """The job of a spec, whatever it is for: every kind activates, submits and is limited alike."""
    return SiteJob(description(spec), files(spec))


def files(spec: JobSpec) -> dict[str, bytes]:
    """Everything that is staged in: path in the job's folder → content."""
    return {
        **dict(spec.files),
        **dict(own_files("enter.sh")),
        SITE_FILE: launch.site_file(spec.site).encode(),
        **(_batch_files(spec) if calls_sbatch(spec) else {}),
    }


def calls_sbatch(spec: JobSpec) -> bool:
    """Whether a job on the login node submits the batch job; else the server does."""
    return spec.site.submit == "sbatch" and spec.place == "compute"


def _batch_files(spec: JobSpec) -> dict[str, bytes]:
    lines = ("#!/usr/bin/env bash", *launch.batch_options(spec.site, spec.shape, spec.time_s), f"exec bash {_ENTER} {spec.script}", "")
    return {**dict(own_files("submit.sh")), BATCH_FILE: "\n".join(lines).encode()}


def description(spec: JobSpec) -> JobDescription:
    """The UNICORE job description. It holds no secret, and can be archived."""
    by_hand = calls_sbatch(spec)
    before = (spec.before,) if spec.before else ()
    # A login-node job is one stage: there submit.sh runs what comes before.
    stage = {"User precommand": f"bash {_ENTER} {spec.before}", "RunUserPrecommandOnLoginNode": "true"} if before and not by_hand else {}
    return {
        "Name": batch_name(spec),
        "Tags": list(spec.tags),
        "Executable": "bash",
        "Arguments": [_ENTER, *((_SUBMIT, *before) if by_hand else (spec.script,))],
        "Environment": {**launch.variables(spec.site, spec.shape), **_own_variables(spec), **dict(spec.environment)},
        **({"Job type": "ON_LOGIN_NODE"} if spec.place == "login" or by_hand else {"Resources": _resources(spec)}),
        **stage,
        "haveClientStageIn": "true",
    }


def batch_name(spec: JobSpec) -> str:
    """The name of the batch jobs of a job, by which they find each other: UNICORE replaces one that holds '-', '_' or a blank."""
    return "esd" + re.sub(r"[^A-Za-z0-9]", "", spec.name)


def _resources(spec: JobSpec) -> dict[str, str]:
    return {
        "Nodes": str(spec.shape.nodes),
        # UNICORE has no cpus-per-task: the allocation is asked for by CPU, srun then says how ranks and threads share it.
        "CPUsPerNode": str(spec.shape.cpus_per_node),
        "Runtime": str(spec.time_s),
        **({"Queue": spec.site.partition} if spec.site.partition else {}),
        **({"Project": spec.site.account} if spec.site.account else {}),
    }


def _own_variables(spec: JobSpec) -> dict[str, str]:
    """Parameters of the scripts in esd_deploy/job."""
    image = spec.image
    of_image = (
        {
            "ESD_IMAGE_REFERENCE": image.reference.oras,
            "ESD_IMAGE_SHA256": image.sif_digest.removeprefix("sha256:"),
            "ESD_IMAGE_SIZE": str(image.size),
            # Its remarks on missing helpers would bury a script's own traceback.
            "APPTAINER_QUIET": "1",
        }
        if image
        else {}
    )
    return {
        "ESD_IMAGE_CACHE": spec.site.image_cache,
        **({"ESD_IMAGE_CACHE_KEEPER": spec.site.image_cache_keeper} if spec.site.image_cache_keeper else {}),
        "ESD_SCRATCH_VARIABLE": spec.site.scratch,
        "ESD_APPTAINER": spec.site.apptainer,
        "ESD_BATCH_NAME": batch_name(spec),
        **of_image,
    }
