"""Decides when two runs are the same work: same program, image, shape and parameters. Work whose results are here need not run again."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from esd_deploy.inputs import hardware
from esd_deploy.inputs.content import sha256_of
from esd_deploy.inputs.parameters import Value
from esd_deploy.plans.launch import Shape
from esd_deploy.plans.plan import Plan
from esd_deploy.records.record import RunRecord
from esd_deploy.records.record_parts import ShapeRecord


@dataclass(frozen=True)
class Sameness:
    """Equal for runs that are the same work. Time limit, account, partition, tags and name do not matter for the results."""

    site: str
    mode: str
    script: tuple[str, str]
    inputs: frozenset[tuple[str, str]]
    image: str | None
    packages: str | None
    arguments: tuple[str, ...]
    environment: frozenset[tuple[str, str]]
    parameters: frozenset[tuple[str, Value]]
    shape: tuple[int, int, int, int]
    post: str | None = None
    repetitions: int = 1
    hardware: frozenset[tuple[str, str]] = frozenset()


def of_record(one: RunRecord) -> Sameness:
    """The sameness of a recorded run."""
    return Sameness(
        site=one.site,
        mode=one.mode,
        script=(one.script.name, one.script.sha256),
        inputs=frozenset(one.script.inputs.items()),
        image=one.image.digest if one.image else None,
        packages=one.requirements.key if one.requirements else None,
        arguments=one.script.arguments,
        environment=frozenset(one.environment.items()),
        parameters=frozenset(one.parameters.items()),
        shape=_numbers(one.shape) if one.shape else (one.nodes, 0, one.threads_per_rank, 0),
        post=one.post.script if one.post else None,
        repetitions=one.repeats.times if one.repeats else 1,
        hardware=_settings(one.hardware_config.items()),
    )


def of_plan(plan: Plan) -> Sameness:
    """The sameness of a planned run. Reads every byte of its inputs."""
    return Sameness(
        site=plan.site.name,
        mode=plan.mode,
        script=(plan.script_name, plan.script_sha256),
        inputs=frozenset((path, sha256_of(content)) for path, content in plan.inputs),
        image=str(plan.image.reference.digest) if plan.image else None,
        packages=plan.packages.key if plan.packages else None,
        arguments=plan.arguments,
        environment=frozenset(plan.environment),
        parameters=frozenset(plan.parameters),
        shape=_numbers(plan.shape),
        post=plan.post,
        repetitions=plan.repeats.times,
        hardware=_settings(plan.hardware),
    )


def _settings(own: Iterable[tuple[str, hardware.Value]]) -> frozenset[tuple[str, str]]:
    """As JSON, because Python holds 1, 1.0 and True for the same."""
    return frozenset((key, json.dumps(value)) for key, value in own)


def _numbers(shape: Shape | ShapeRecord) -> tuple[int, int, int, int]:
    """Nodes, ranks, threads and GPUs; not the placement of ranks, which changes only the speed."""
    return (shape.nodes, shape.tasks_per_node, shape.threads, shape.gpus)
