"""The JSON documents of the queue: pure functions, following the job queue's version 3."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from urllib.parse import quote

from esd_localsite.nmpi.records import Output, QueueRecord, QueueStatus

Document: TypeAlias = dict[str, object]


def job_document(record: QueueRecord, status: QueueStatus, ended: datetime | None, log: str | None, results: Document) -> Document:
    """One job."""
    request = record.request
    seconds = (ended - record.created).total_seconds() if ended else 0.0
    return {
        "id": record.number,
        "resource_uri": f"/jobs/{record.number}",
        "status": status.value,
        "user_id": record.owner,
        **{name: request.get(name) for name in ("code", "command", "collab", "hardware_platform", "hardware_config", "input_data")},
        "tags": list(record.tags),
        "comments": [{"content": text, "user": record.owner} for text in record.comments],
        "timestamp_submission": record.created.isoformat(),
        "timestamp_completion": ended.isoformat() if ended else None,
        "resource_usage": {"value": round(seconds / 3600, 6), "units": "core-hours"} if ended else None,
        "provenance": None,
        "log": log,
        "output_data": results,
    }


def results_document(base: str, record: QueueRecord, key: str, outputs: Sequence[Output]) -> Document:
    """Where the job's results are; the addresses are open to whoever has them."""
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
    return {"repository": "local site", "files": files}


def project_document(collab: str, number: int, quota: bool) -> Document:
    """A collaboratory's grant of computing time."""
    platforms = ("Demo", "SpiNNaker") if quota else ()
    return {
        "id": number,
        "resource_uri": f"/projects/{number}",
        "collab": collab,
        "title": f"{collab} of the local site",
        "abstract": "",
        "status": "accepted",
        "quotas": [{"platform": platform, "limit": 1000.0, "usage": 0.0, "units": "core-hours"} for platform in platforms],
    }
