"""Moves a run's files: into its folder before the job exists, and from there to the site. Never holds a whole file in memory."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from esd_build.data.errors import ToolError
from esd_deploy.display.progress import Moving
from esd_deploy.inputs.content import Content, OnDisk, copy
from esd_deploy.plans import paths
from esd_deploy.plans.job import TRAVELLING, SiteJob
from esd_deploy.plans.plan import Plan
from esd_deploy.records.record import RunRecord
from esd_deploy.sites import familiar

Notice = Callable[[str], None]


def prepare(plan: Plan, job: SiteJob, folder: Path, *, rerun_of: str | None = None, notice: Notice = lambda _text: None) -> RunRecord:
    """Write everything that the plan's job needs, and the record, into a new folder. Raises ToolError if the folder is not writable."""
    familiar.remember(plan.site.file)
    try:
        hashes = {path: _write(folder, path, content, notice) for path, content in job.files.items()}
        record = RunRecord.of(plan, job.description, {**hashes, TRAVELLING: ""}).model_copy(update={"rerun_of": rerun_of})
        _write(folder, TRAVELLING, record.model_dump_json().encode(), notice)
    except OSError as error:
        raise ToolError(f"cannot write the run's folder {folder}: {error.strerror}; choose another one with --output") from error
    record.save(folder)
    return record


def staged(record: RunRecord, folder: Path, notice: Notice) -> Mapping[str, Content]:
    """The files to send to the job's folder (path → content). Raises ToolError if one is missing."""
    try:
        return {path: _there(folder, path, notice) for path in record.staged}
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}; without it run '{record.id}' cannot start; begin a new run") from error


def _write(folder: Path, path: str, content: Content, notice: Notice) -> str:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, OnDisk):
        content = replace(content, tell=Moving(notice, f"copying {path} into the run's folder", content.size))
    return copy(content, place)


def _there(folder: Path, path: str, notice: Notice) -> OnDisk:
    place = paths.inside(folder, path)
    size = place.stat().st_size
    return OnDisk(place, size, tell=Moving(notice, f"sending {path}", size))
