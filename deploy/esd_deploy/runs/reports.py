"""What a job reports of itself, in files among its results: hosts, ranks, versions, metrics, the pull of its image."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, FiniteFloat, TypeAdapter, ValidationError

from esd_build.data.errors import ToolError
from esd_build.net.answers import parsed
from esd_deploy.plans import paths
from esd_deploy.runs.record import PullRecord, RunRecord

_VERSIONS = TypeAdapter(dict[str, str])
_METRICS = TypeAdapter(dict[str, int | FiniteFloat])
_LARGEST = 1024**2
_DIGEST = re.compile(r"(?m)^([\w.-]{1,255}) ([0-9a-f]{64})$")


class _Wireup(BaseModel):
    """What wireup.py writes."""

    model_config = ConfigDict(extra="ignore")

    hosts: tuple[str, ...] = ()
    size: int | None = None


def understood(record: RunRecord, folder: Path) -> RunRecord:
    """The record with what the job itself reported; what it did not report stays unknown."""
    pull = _report(folder, "esd/pull.json")
    try:
        wireup = _Wireup.model_validate(_report(folder, "esd/wireup.json"))
        return record.model_copy(
            update={
                "hosts": wireup.hosts,
                "ranks": wireup.size,
                "image": record.image and record.image.model_copy(update={"nodes": _digests(folder)}),
                "pull": PullRecord.model_validate(pull) if pull else None,
                "versions": _VERSIONS.validate_python(_report(folder, "esd/versions.json")),
                "metrics": _METRICS.validate_python(_known(_report(folder, "metrics.json"))),
            }
        )
    except ValidationError as error:
        raise ToolError(f"{folder}: a report of the job is not as expected (metrics.json must be {{name: number}}): {error}") from error


def _known(report: dict[str, object]) -> dict[str, object]:
    """Without what the job could not tell: a mean over nothing is null."""
    return {name: value for name, value in report.items() if value is not None}


def _digests(folder: Path) -> dict[str, str]:
    """Node → the hash of the image there, as digest.sh printed them; none where the job did not come so far."""
    return dict(_DIGEST.findall(_text(folder, "esd/image.digests").decode(errors="replace")))


def _report(folder: Path, path: str) -> dict[str, object]:
    text = _text(folder, path)
    content = parsed(text, str(folder / path)) if text else {}
    if not isinstance(content, dict):
        raise ToolError(f"{folder / path}: expected a JSON object")
    return content


def _led_to(folder: Path, path: str) -> str:
    """Where a link that the job made leads, while it leads to a place in the run's folder."""
    place = (folder / path).resolve()
    return place.relative_to(folder.resolve()).as_posix() if place.is_relative_to(folder.resolve()) else path


def _text(folder: Path, path: str) -> bytes:
    try:
        return paths.read(folder, _led_to(folder, path), _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as error:
        raise ToolError(f"{folder / path}: {error.strerror}") from error
