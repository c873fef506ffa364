"""Drives the jobs: performs what `machine` decides, reports the outcome, and watches running jobs.

Each step is recorded before its action is performed, so an endpoint that was killed continues where it was. It repeats an action that was
decided on and perhaps performed. Only a batch job is looked for first, because it must not run twice.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from esd_localsite.description.config import EndpointConfig
from esd_localsite.description.credentials import TokenOf
from esd_localsite.description.description import JobDescription, parse_description
from esd_localsite.description.resources import DescriptionError
from esd_localsite.faults.board import FaultBoard, FaultKind
from esd_localsite.files.mover import Mover
from esd_localsite.files.processes import Launcher, account_of
from esd_localsite.identity.users import Identity
from esd_localsite.jobs.actions import Actor
from esd_localsite.jobs.batch import BatchError, BatchSystem
from esd_localsite.jobs.creation import DIRECT, Origin, new_record, require_room
from esd_localsite.jobs.faults import check_quota
from esd_localsite.jobs.machine import advance
from esd_localsite.jobs.observation import Observer
from esd_localsite.jobs.staging_actions import is_slow
from esd_localsite.jobs.turns import Turns
from esd_localsite.jobs.watch import Watch
from esd_localsite.records.life import Aborted, Action, Event, Failed, JobState, Phase, Rules
from esd_localsite.records.records import JobRecord, description_of
from esd_localsite.records.shelf import Shelf
from esd_localsite.records.storages import storage_of
from esd_localsite.records.workspace import Workspace

_SLOW_AT_ONCE = 4
_BUSY_S = 1.0
"""How long the watch waits for one job, while the others wait."""
_log = logging.getLogger("esd_localsite.front")


class Engine:
    """All jobs of the endpoint. Its methods may be called from any thread."""

    def __init__(
        self,
        config: EndpointConfig,
        launcher: Launcher,
        batch: BatchSystem,
        faults: FaultBoard,
        *,
        token_of: TokenOf = lambda _user: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        times = config.times
        self._faults = faults
        self._config = config
        self._launcher = launcher
        self._clock = clock
        self._rules = Rules(times.grace_seconds, times.submit_attempts, times.submit_retry_seconds)
        self._fresh: Turns | None = None
        self.batch = batch
        self.store = Shelf(config.state_dir / "jobs", JobRecord)
        self.mover = Mover(config, partial(storage_of, self.store), token_of)
        self._actor = Actor(config, launcher, batch, self.mover, clock)
        self._observer = Observer(self._actor, self.workspace)
        self._slow = Turns(_SLOW_AT_ONCE, "staging")
        self._locks: dict[str, threading.RLock] = {}
        self._locks_lock = threading.Lock()
        self._watch = Watch(self._round, config.times.poll_seconds)

    def start(self) -> None:
        """Resume the jobs of an earlier process, then watch all of them until `stop`."""
        self._fresh = Turns(_SLOW_AT_ONCE, "new jobs")
        self._watch.start()

    def stop(self) -> None:
        """Leave the jobs alone: they continue, and the next endpoint finds them."""
        self._watch.stop()
        if self._fresh:
            self._fresh.stop()
        self._slow.stop()

    def create(self, identity: Identity, submitted: Mapping[str, Any], origin: Origin = DIRECT) -> JobRecord:
        """A new job. As with UNICORE, a wrong description makes a job too: one that FAILED, with the reason."""
        require_room(self.store, identity.name)
        closed = not self._config.login_precommand or self._faults.take(FaultKind.PRECOMMAND_IN_BATCH) is not None
        record = new_record(self._config, identity, submitted, origin, login_node_closed=closed)
        self.store.save(record)
        if self._fresh:
            self._fresh.submit(record.owner, partial(self._guarded, partial(self._make_folder, record.id)))
        return record

    def apply(self, job_id: str, event: Event) -> None:
        """Apply an event to a job, with all immediate consequences. Does nothing if the job is gone."""
        with self._lock(job_id):
            following: Event | None = event
            while following is not None and (record := self.store.get(job_id)) is not None:
                following = self._step(record, following)

    def change(self, job_id: str, *, tags: tuple[str, ...] | None = None, terminates: datetime | None = None) -> None:
        """Set what a client may set; None leaves it."""
        changes = {"tags": tags, "terminates": terminates}
        with self._lock(job_id):
            if record := self.store.get(job_id):
                self.store.save(record.model_copy(update={name: value for name, value in changes.items() if value is not None}))

    def destroy(self, job_id: str) -> None:
        """End the job and remove its directory and its record."""
        with self._lock(job_id):
            self.apply(job_id, Aborted())
            if record := self.store.get(job_id):
                self.workspace(record).remove()
                self.store.remove(job_id)
        self._locks.pop(job_id, None)

    def workspace(self, record: JobRecord) -> Workspace:
        account = account_of(record.account)
        return Workspace(record.directory, account.in_group(record.group) if record.group else account)

    def details(self, record: JobRecord) -> dict[str, str]:
        """What the batch system says about the job now. Raises BatchError if it does not answer or no longer knows the job."""
        if record.state.batch_id is None:
            return {"rawDetailsData": "N/A"}
        found = self.batch.details(record.state.batch_id, self.workspace(record).account)
        if not found:
            raise BatchError(f"Invalid job id {record.state.batch_id}")
        return found

    def begin(self) -> None:
        """Make the directories of new jobs: a client may see a job before it has one."""
        for record in self.store:
            if record.state.phase is Phase.CREATED:
                self._guarded(partial(self._make_folder, record.id))

    def tick(self) -> None:
        """Check once everything that runs."""
        self.begin()
        self._launcher.reap()
        active = [record for record in self.store if not record.state.phase.is_final]
        words = self._observer.words([r.state.batch_id for r in active if r.state.phase.is_batch and r.state.batch_id])
        for record in active:
            self._guarded(partial(self._look, record.id, words))

    def _look(self, job_id: str, words: Mapping[str, str]) -> None:
        lock = self._lock(job_id)
        if not lock.acquire(timeout=_BUSY_S):
            _log.warning("job %s takes long; it is checked again later", job_id)
            return
        try:
            # Checked under the lock: meanwhile a client may have aborted or removed the job.
            current = self.store.get(job_id)
            event = current and self._observer.event(current, words)
            if event:
                self.apply(job_id, event)
        finally:
            lock.release()

    def take_up(self) -> None:
        """Perform what an earlier process of the endpoint had decided on and perhaps not done."""
        for record in self.store:
            if record.state.pending:
                self._guarded(partial(self._resume, record.id))

    def _round(self, number: int) -> None:
        if number == 0:
            self.take_up()
        else:
            self._guarded(self.tick)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - one broken job must not end the watch over all others
            _log.exception("a check of the jobs failed; the next one follows")

    def _resume(self, job_id: str) -> None:
        with self._lock(job_id):
            record = self.store.get(job_id)  # a client may have been faster
            event = record and self._perform(record, resumed=True)
            if event:
                self.apply(job_id, event)

    def _make_folder(self, job_id: str) -> None:
        with self._lock(job_id):
            record = self.store.get(job_id)
            if record is not None and record.state.phase is Phase.CREATED:
                pending = JobState(pending=Action.MAKE_FOLDER, started=record.state.started)
                self.apply(job_id, self._made(record.model_copy(update={"state": pending})))

    def _made(self, record: JobRecord) -> Event:
        """The directory is made before the description is read, and stays even if that is wrong."""
        made = self._act(record, description_of(record))
        try:
            parse_description(record.submitted)
        except DescriptionError as error:
            self.store.save(record.model_copy(update={"unreadable": True, "state": JobState()}))
            return Failed(f"Processing failed: {error}")
        return made

    def _step(self, record: JobRecord, event: Event) -> Event | None:
        rules = replace(self._rules, directory=str(record.directory))
        step = advance(record.state, event, description_of(record), rules)
        if step.state == record.state and not step.log:
            return None
        self.store.save(record := self._kept(record, step.state).noting(*step.log))
        return self._perform(record)

    def _kept(self, record: JobRecord, state: JobState) -> JobRecord:
        """The record with its next state."""
        changes: dict[str, object] = {"state": state}
        if state.phase is Phase.LOGIN_NODE and state.process:
            changes["login_process"] = state.process
        if state.phase.is_final and not record.state.phase.is_final:
            changes["ended"] = datetime.now(UTC)
        return record.model_copy(update=changes)

    def _perform(self, record: JobRecord, *, resumed: bool = False) -> Event | None:
        if record.state.pending is None:
            return None
        job = description_of(record)
        if record.state.pending is Action.STAGE_OUT or (record.state.pending is Action.STAGE_IN and is_slow(job)):
            self._slow.submit(record.owner, partial(self._guarded, partial(self._perform_slowly, record, job)))
            return None
        return self._act(record, job, resumed=resumed)

    def _act(self, record: JobRecord, job: JobDescription, *, resumed: bool = False) -> Event:
        try:
            if record.state.pending is Action.STAGE_IN:
                check_quota(self._faults, str(record.directory))
            return self._actor.perform(record, job, self.workspace(record), resumed=resumed)
        except OSError as error:
            return Failed(f"Processing failed: {record.state.pending}: {error.strerror}: {error.filename}")

    def _perform_slowly(self, record: JobRecord, job: JobDescription) -> None:
        """Runs in a separate thread; meanwhile the job may have been aborted, removed or restarted."""
        event = self._act(record, job)
        with self._lock(record.id):
            now = self.store.get(record.id)
            if now is not None and now.state == record.state:
                self.apply(record.id, event)

    def _lock(self, job_id: str) -> threading.RLock:
        with self._locks_lock:
            return self._locks.setdefault(job_id, threading.RLock())
