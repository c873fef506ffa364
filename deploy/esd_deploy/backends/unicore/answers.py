"""What UNICORE's documents about a job mean, in a run's words. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from esd_build.net.answers import printable
from esd_deploy.backends.connection import JobState

_NOTE = "Detailed job information from batch system:"
"""What UNICORE/X writes into a job's log if a batch job left no exit code."""
_MOST_LINES = 1000
_JOB = re.compile(r"https://[^/?#]+(/(?!rest/)[\w~-][\w.~-]*)*/rest/core/jobs/[\w-]+")
_NOTHING = {"rawDetailsData"}
"""The key of details that do not come from a batch system: of a job on a login node."""


def is_job(url: str) -> bool:
    """Whether an address is that of a job, and not of a file or a storage at the same server."""
    return _JOB.fullmatch(url) is not None


def state(properties: Mapping[str, Any]) -> JobState:
    """A job's document. `exitCode` is a JSON string, present only if the job left one."""
    code = properties.get("exitCode")
    return JobState(
        printable(properties["status"], 100),
        printable(properties.get("statusMessage") or ""),
        int(code) if code not in {None, ""} else None,
        tuple(printable(line) for line in (properties.get("log") or ())[-_MOST_LINES:]),
        printable(properties.get("batchSystemID") or "", 100) or None,
        frozenset(map(str, properties.get("tags") or ())),
    )


def details(found: object) -> dict[str, str]:
    """The batch system's own keys and values."""
    return (
        {printable(name, 100): printable(value) for name, value in found.items() if name not in _NOTHING} if isinstance(found, dict) else {}
    )


def noted_details(log: Sequence[str]) -> dict[str, str]:
    """The details that the server wrote into the job's log at the job's end; empty if it did not."""
    for line in reversed(log):
        _, found, text = line.partition(_NOTE)
        if found:
            try:
                return details(json.loads(text))
            except ValueError:
                return {}
    return {}
