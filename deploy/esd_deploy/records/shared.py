"""Lets several clients write one record: each adds its own changes and keeps the changes of the others."""

from pathlib import Path

from esd_deploy.records.lock import alone
from esd_deploy.records.record import RunRecord, load

LOCK = ".record.lock"
_STATE = ("status", "states", "message", "exit_code", "log")


def amended(folder: Path, before: RunRecord, after: RunRecord) -> RunRecord:
    """Apply the change from `before` to `after` to the record on disk, and save it. A run that another client saw end stays ended."""
    with alone(folder / LOCK, wait=True):
        there = load(folder.parent, folder.name)
        changes = _changes(before, after)
        job = _changes(before.job, after.job)
        if job:
            changes["job"] = there.job.model_copy(update=job)
        if there.ended and not after.ended and not before.ended:
            changes = {name: value for name, value in changes.items() if name not in _STATE}
        if "states" in changes:
            new = after.states[len(before.states) :]
            changes["states"] = (*there.states, *(one for one in new if one.status != there.status))
        merged = there.model_copy(update=changes)
        merged.save(folder)
    return merged


def _changes(before: object, after: object) -> dict[str, object]:
    return {name: value for name, value in vars(after).items() if value != vars(before).get(name)}
