"""What the batch system said of a run's job: how long it ran, and what Slurm's accounting measured, where it has one."""

import re

from esd_deploy.records.record import RunRecord

_CLOCK = re.compile(r"(?:(\d{1,4})-)?(\d{1,3}):(\d{2}):(\d{2})")
_SIZE = re.compile(r"(\d{1,15})(?:\.\d+)?([KMGT]?)")
_FACTOR = {"": 1 / 1024, "K": 1, "M": 1024, "G": 1024**2, "T": 1024**3}


def job_seconds(record: RunRecord) -> int | None:
    """The batch job's run time; None if the batch system did not tell."""
    found = _CLOCK.fullmatch(_said(record, "RunTime", "Elapsed"))
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def largest_kb(record: RunRecord) -> int | None:
    """Largest resident set of a task, by `sacct` (MaxRSS); None at a site without accounting."""
    found = _SIZE.fullmatch(_said(record, "MaxRSS"))
    return round(int(found[1]) * _FACTOR[found[2]]) if found else None


def _said(record: RunRecord, *names: str) -> str:
    return next((record.job.details[name] for name in names if record.job.details.get(name)), "")
