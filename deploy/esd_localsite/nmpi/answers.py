"""The JSON documents of the queue: pure functions, in the form of the service (tests/contract compares them with its own)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias
from urllib.parse import quote

from esd_localsite.nmpi.platforms import UNITS
from esd_localsite.nmpi.records import Comment, Output, QueueRecord, QueueStatus

Document: TypeAlias = dict[str, object]


def time_text(moment: datetime) -> str:
    """A time in the service's form."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def accepted_document(record: QueueRecord, status: QueueStatus) -> Document:
    """A job that was just accepted."""
    request = record.request
    return {
        "id": record.number,
        "resource_uri": f"/jobs/{record.number}",
        "status": status.value,
        "user_id": record.owner,
        **request.model_dump(mode="json", include={"code", "command", "collab", "hardware_platform"}),
        "hardware_config": request.hardware_config or None,
        "input_data": [item.model_dump(mode="json") for item in request.input_data or ()],
        "tags": sorted(record.tags),
        "timestamp_submission": time_text(record.created),
    }


def job_document(record: QueueRecord, status: QueueStatus, ended: datetime | None, results: Document | None) -> Document:
    """One job. `results` as `results_document` makes it; None if there are none (yet)."""
    seconds = (ended - record.created).total_seconds() if ended else 0.0
    units = UNITS[str(record.request.hardware_platform)]
    return {
        **accepted_document(record, status),
        "timestamp_completion": time_text(ended) if ended else None,
        "resource_usage": {"value": round(seconds / 3600, 6), "units": units} if ended else None,
        "provenance": None,
        "comments": None,
        "log": None,
        "output_data": results,
    }


def comment_document(number: int, place: int, comment: Comment) -> Document:
    """The remark number `place` on a job."""
    return {
        "id": place,
        "job_id": number,
        "content": comment.content,
        "user_id": comment.user,
        "timestamp": time_text(comment.time),
        "resource_uri": f"/jobs/{number}/comments/{place}",
    }


def results_document(base: str, record: QueueRecord, key: str, outputs: Sequence[Output]) -> Document | None:
    """Where the job's results are, if it has any. Anyone who knows the addresses can fetch them."""
    files = [
        {
            "url": f"{base}/data/{record.number}/{key}/{quote(output.path)}",
            "path": output.path,
            "size": output.size,
            "hash": output.hash,
            "content_type": "application/octet-stream",
        }
        for output in outputs
    ]
    return {"repository": "local site", "files": files} if files else None


def project_document(collab: str, identifier: str, since: date, limits: dict[str, float]) -> Document:
    """A collaboratory's grant of computing time: hours (of the platform's kind) by platform; 0 is used up."""
    uri = f"/projects/{identifier}"
    return {
        "id": identifier,
        "resource_uri": uri,
        "collab": collab,
        "owner": "esd",
        "title": f"{collab} of the local site",
        "abstract": "",
        "description": "",
        "status": "accepted",
        "submission_date": since.isoformat(),
        "decision_date": since.isoformat(),
        "quotas": [
            {
                "platform": platform,
                "limit": limit,
                "usage": 0.0,
                "units": UNITS[platform],
                "project": uri,
                "resource_uri": f"{uri}/quotas/{number}",
            }
            for number, (platform, limit) in enumerate(limits.items(), 1)
        ],
    }
