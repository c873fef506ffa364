"""The job of a run at a neuromorphic queue (NMPI, job queue v3): its description. Pure; the only place that knows its keys.

A queue carries the text of one program, without arguments or environment. So a run's script, inputs, arguments and variables travel
inside a program that unpacks them at the far end (job/queue.py).
"""

import base64
import importlib.resources
import json

from pydantic import ConfigDict, JsonValue

from esd_build.data.errors import UsageError
from esd_deploy.inputs.content import size_of, whole
from esd_deploy.plans.job import JobDescription
from esd_deploy.plans.plan import Plan

MAX_CODE = 5_000_000
"""Largest program of a job in bytes; the service's own limit is not documented."""
_SHORTEST_TAG, _LONGEST_TAG = 2, 100
COMMAND = "run.py {system}"
"""The service's own default: it writes the program to run.py, and puts its backend's name for {system}."""


class NmpiDescription(JobDescription):
    """A job in the queue's form."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    command: str = COMMAND
    collab: str
    hardware_platform: str
    hardware_config: dict[str, JsonValue] | None = None
    tags: tuple[str, ...]

    def document(self) -> dict[str, object]:
        """Without the keys that are not used."""
        return self.model_dump(mode="json", exclude_none=True)


def description(plan: Plan) -> NmpiDescription:
    """What is posted to `/jobs/`. Raises UsageError if something is missing that only the user knows."""
    settings = plan.site.nmpi
    collab = plan.site.account or (settings and settings.collab)
    if settings is None or not collab:
        raise UsageError(
            f"site '{plan.site.name}' charges a collaboratory, and you named none: give --account COLLAB, "
            f"or set nmpi.collab in {plan.site.file or f'site-configs/{plan.site.name}.yaml'}"
        )
    for tag in plan.tags:
        if not _SHORTEST_TAG <= len(tag.strip()) <= _LONGEST_TAG:
            raise UsageError(f"tag '{tag[:200]}': a neuromorphic queue accepts tags of {_SHORTEST_TAG} to {_LONGEST_TAG} characters")
    config: dict[str, JsonValue] = dict(settings.hardware_config)
    if settings.platform == "SpiNNaker":
        config = {"timeout": max(1, -(-plan.time_s // 3600)), **config}
    return NmpiDescription(
        code=program(plan),
        collab=collab,
        hardware_platform=settings.platform,
        hardware_config=config or None,
        tags=(plan.run_id, *plan.tags),
    )


def program(plan: Plan) -> str:
    """The program that a queue runs: Python text without secrets. Raises UsageError if it is too long to send."""
    texts, binaries = {}, {}
    _require_short(sum(map(size_of, plan.own_files.values())))
    for name, one in plan.own_files.items():
        content = whole(one)
        try:
            texts[name] = content.decode("utf-8")
        except UnicodeDecodeError:
            binaries[name] = base64.b64encode(content).decode("ascii")
    run = {
        "script": plan.script_name,
        "arguments": list(plan.arguments),
        "environment": {"PYNN_SIMULATOR": plan.site.backend, **plan.site.environment, **dict(plan.variables)},
        "files": texts,
        "binaries": binaries,
    }
    far_end = (importlib.resources.files("esd_deploy") / "job" / "queue.py").read_text(encoding="utf-8")
    text = f"RUN = {json.dumps(json.dumps(run))}\n\n{far_end}"
    _require_short(len(text))
    return text


def _require_short(length: int) -> None:
    """Called before anything is read and for the finished program, which is larger if files are binary."""
    if length > MAX_CODE:
        raise UsageError(f"script and inputs of the run have {length / 1e6:.1f} MB, a queue's job carries at most {MAX_CODE / 1e6:.0f} MB")
