"""What a job reports of itself, in files among its results: hosts, ranks, versions, metrics, the pull of its image."""

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from esd_build.data.errors import ToolError
from esd_deploy.runs.record import PullRecord, RunRecord

_STRINGS = TypeAdapter(tuple[str, ...])
_VERSIONS = TypeAdapter(dict[str, str])
_METRICS = TypeAdapter(dict[str, int | float])


def understood(record: RunRecord, folder: Path) -> RunRecord:
    """The record with what the job itself reported; what it did not report stays unknown."""
    wireup = _report(folder / "esd" / "wireup.json")
    pull = _report(folder / "esd" / "pull.json")
    try:
        return record.model_copy(
            update={
                "hosts": _STRINGS.validate_python(wireup.get("hosts", ())),
                "ranks": wireup.get("size"),
                "pull": PullRecord.model_validate(pull) if pull else None,
                "versions": _VERSIONS.validate_python(_report(folder / "esd" / "versions.json")),
                "metrics": _METRICS.validate_python(_known(_report(folder / "metrics.json"))),
            }
        )
    except ValidationError as error:
        raise ToolError(f"{folder}: a report of the job is not as expected (metrics.json must be {{name: number}}): {error}") from error


def _known(report: dict[str, object]) -> dict[str, object]:
    """Without what the job could not tell: a mean over nothing is null."""
    return {name: value for name, value in report.items() if value is not None}


def _report(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ToolError(f"{path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ToolError(f"{path}: expected a JSON object")
    return content
