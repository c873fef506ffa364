"""Observes running jobs: their processes, and what the batch system says about them."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from esd_localsite.jobs.actions import Actor
from esd_localsite.jobs.batch import BatchError
from esd_localsite.records.life import Event, Phase, Tick
from esd_localsite.records.records import JobRecord
from esd_localsite.records.workspace import Workspace

_log = logging.getLogger("esd_localsite.jobs")


@dataclass(frozen=True)
class Observer:
    """Checks one job after the other. While the batch system does not answer, jobs keep their state."""

    actor: Actor
    workspace: Callable[[JobRecord], Workspace]

    def words(self, batch_ids: list[str]) -> Mapping[str, str]:
        """The batch system's states of these jobs; empty if it does not answer."""
        try:
            return self.actor.batch.words(batch_ids) if batch_ids else {}
        except BatchError as error:
            _log.warning("the batch system does not answer: %s", error)
            return {}

    def event(self, record: JobRecord, words: Mapping[str, str]) -> Event | None:
        """What has happened to a job; None if nothing has."""
        state = record.state
        if state.pending is not None:
            return None
        if state.phase is Phase.ALLOCATING:
            return self._allocation(record)
        if state.phase.is_command:
            return self.actor.command_ended(record, self.workspace(record))
        if state.phase.is_batch and (word := words.get(state.batch_id or "")):
            return self.actor.batch_seen(self.workspace(record), word)
        return Tick(self.actor.clock()) if state.phase is Phase.SUBMITTING else None

    def _allocation(self, record: JobRecord) -> Event | None:
        try:
            return self.actor.allocation_seen(record, self.workspace(record))
        except BatchError as error:
            _log.warning("the batch system does not answer: %s", error)
            return None
