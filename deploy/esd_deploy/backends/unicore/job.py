"""A job at a UNICORE site: staged files and job description. Pure; the only place that knows the description's keys."""

import re
from pathlib import PurePosixPath
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from esd_deploy.inputs.content import Content
from esd_deploy.plans import component, launch
from esd_deploy.plans.job import SITE_FILE, JobDescription, JobSpec, SiteJob, own_files

_ENTER, _SUBMIT = "esd/enter.sh", "esd/submit.sh"
BATCH_FILE = "esd/batch.sh"
_CLOSED, _USUAL = "0077", "0027"
"""Umasks: the first closes the job's folder to everybody else, which is all that the server does with it; the second is UNICORE's own."""
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Resources(BaseModel):
    """What the server asks the batch system for. UNICORE takes numbers as text; seconds for `runtime`.

    A site's own resources, as that for GPUs, have the names that it gives them.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    nodes: str = Field(serialization_alias="Nodes")
    cpus_per_node: str = Field(serialization_alias="CPUsPerNode")
    runtime: str = Field(serialization_alias="Runtime")
    queue: str | None = Field(None, serialization_alias="Queue")
    project: str | None = Field(None, serialization_alias="Project")
    exclusive: Literal["true"] | None = Field(None, serialization_alias="Exclusive")

    @classmethod
    def of(cls, spec: JobSpec) -> Self:
        """The resources of a job on compute nodes."""
        resource = spec.site.gpu_resource
        return cls(
            **({resource: str(spec.shape.gpus)} if resource and spec.shape.gpus else {}),
            nodes=str(spec.shape.nodes),
            # UNICORE has no cpus-per-task: the job requests CPUs, and srun then divides them among ranks and threads.
            cpus_per_node=str(spec.shape.cpus_per_node),
            runtime=str(spec.time_s),
            queue=spec.site.partition or None,
            project=spec.site.account or None,
            exclusive="true" if spec.shape.binding.exclusive else None,
        )


class UnicoreDescription(JobDescription):
    """UNICORE's job description: the keys that we use."""

    model_config = _STRICT

    name: str = Field(serialization_alias="Name")
    tags: tuple[str, ...] = Field(serialization_alias="Tags")
    executable: str = Field("bash", serialization_alias="Executable")
    arguments: tuple[str, ...] = Field(serialization_alias="Arguments")
    environment: dict[str, str] = Field(serialization_alias="Environment")
    job_type: Literal["ON_LOGIN_NODE", "RAW"] | None = Field(None, serialization_alias="Job type")
    bss_file: str | None = Field(None, serialization_alias="BSS file")
    resources: Resources | None = Field(None, serialization_alias="Resources")
    precommand: str | None = Field(None, serialization_alias="User precommand")
    precommand_on_login_node: Literal["true"] | None = Field(None, serialization_alias="RunUserPrecommandOnLoginNode")
    umask: str | None = Field(None, serialization_alias="Umask")
    postcommand: str | None = Field(None, serialization_alias="User postcommand")
    postcommand_on_login_node: Literal["true"] | None = Field(None, serialization_alias="RunUserPostcommandOnLoginNode")
    client_stage_in: Literal["true"] = Field("true", serialization_alias="haveClientStageIn")

    def document(self) -> dict[str, object]:
        """Without the keys that are not used."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def job(spec: JobSpec) -> SiteJob:
    """The job of any spec: every kind of job is activated, submitted and limited in the same way."""
    return SiteJob(description(spec), files(spec))


def files(spec: JobSpec) -> dict[str, Content]:
    """All staged files: path in the job's folder → content."""
    variables = {**launch.variables(spec.site, spec.shape), **dict(spec.environment)}
    return {
        **dict(spec.files),
        **dict(own_files("enter.sh")),
        SITE_FILE: launch.site_file(spec.site, variables, _USUAL if spec.private else None).encode(),
        **(_batch_files(spec) if calls_sbatch(spec) else {}),
        **(_of_components(spec) if spec.components else {}),
    }


def calls_sbatch(spec: JobSpec) -> bool:
    """Whether a job on the login node submits the batch job; otherwise the server does."""
    return spec.site.submit == "sbatch" and spec.place == "compute"


def _batch_files(spec: JobSpec) -> dict[str, bytes]:
    options = (*launch.batch_options(spec.site, spec.shape, spec.time_s), *launch.depends(spec.dependencies))
    lines = ("#!/usr/bin/env bash", *options, f"exec bash {_ENTER} {spec.script}", "")
    return {**dict(own_files("submit.sh")), BATCH_FILE: "\n".join(lines).encode()}


def _of_components(spec: JobSpec) -> dict[str, bytes]:
    """UNICORE itself describes one component only: a raw job brings its own options for sbatch."""
    return {BATCH_FILE: component.batch_file(batch_name(spec), (spec.site, spec.shape), spec.components, spec.time_s)}


def description(spec: JobSpec) -> UnicoreDescription:
    """The UNICORE job description. It can be archived: values that the user or the site's file chose are in `esd/site.sh`."""
    by_hand = calls_sbatch(spec)
    on_login = by_hand or spec.place == "login"
    # A login-node job has one stage: submit.sh runs the preceding scripts, and the one behind.
    before, behind = (None, None) if by_hand else (spec.before, spec.behind)
    return UnicoreDescription(
        name=batch_name(spec),
        tags=spec.tags,
        arguments=(_ENTER, _SUBMIT, *((spec.before,) if spec.before else ())) if by_hand else (_ENTER, spec.script),
        environment=_own_variables(spec),
        job_type="ON_LOGIN_NODE" if on_login else "RAW" if spec.components else None,
        bss_file=BATCH_FILE if spec.components else None,
        resources=None if on_login or spec.components else Resources.of(spec),
        precommand=f"bash {_ENTER} {before}" if before else None,
        precommand_on_login_node="true" if before else None,
        umask=_CLOSED if spec.private else None,
        postcommand=f"bash {_ENTER} {behind}" if behind else None,
        postcommand_on_login_node="true" if behind else None,
    )


def batch_names(made: JobDescription, job: str) -> tuple[str, str]:
    """The names that a job's batch jobs have in Slurm: the server's, from a description that may come from a record, and submit.sh's."""
    return str(made.document().get("Name", "")), f"esd-{PurePosixPath(job).name}"


def sent_variable(made: JobDescription, name: str) -> str | None:
    """A variable in a description, which may come from a record; None if it is missing."""
    environment = made.document().get("Environment")
    value = environment.get(name) if isinstance(environment, dict) else None
    return value if isinstance(value, str) else None


def batch_name(spec: JobSpec) -> str:
    """The name of a job's batch jobs, by which they find each other: UNICORE replaces names with '-', '_' or a blank."""
    return "esd" + re.sub(r"[^A-Za-z0-9]", "", spec.name)


def _own_variables(spec: JobSpec) -> dict[str, str]:
    """Parameters of the scripts in esd_deploy/job."""
    image = spec.image
    of_image = (
        {
            "ESD_IMAGE_REFERENCE": image.reference.oras,
            "ESD_IMAGE_SHA256": image.sif_digest.removeprefix("sha256:"),
            "ESD_IMAGE_SIZE": str(image.size),
            # Apptainer's remarks on missing helpers would hide a script's own traceback.
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
