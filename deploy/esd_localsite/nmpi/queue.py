"""The queue's jobs: accepts them, follows them through the engine, and remembers them."""

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from esd_localsite.identity.users import Identity
from esd_localsite.jobs.creation import Origin
from esd_localsite.jobs.engine import Engine
from esd_localsite.nmpi import results
from esd_localsite.nmpi.platforms import PLATFORMS
from esd_localsite.nmpi.program import RequestError, description, refusal
from esd_localsite.nmpi.records import Output, QueueRecord, QueueStatus, Request
from esd_localsite.records.life import Phase
from esd_localsite.records.records import JobRecord
from esd_localsite.records.shelf import Shelf

COLLABS: Mapping[str, dict[str, float]] = {"demo": {"Demo": 1000.0, "SpiNNaker": 1000.0}, "no-quota": {}}
"""The collaboratories that the queue knows, and how much they may use of each platform."""
_FIRST_NUMBER = 1


class NoCollabError(Exception):
    """A collaboratory that does not exist or is not open to the user."""


class NoQuotaError(Exception):
    """A collaboratory without a quota on the platform."""


@dataclass
class Queue:
    """All jobs of the queue. Its methods may be called from any thread."""

    shelf: Shelf[QueueRecord]
    engine: Engine
    images: Path
    """Folder of `<platform>.sif`."""
    secret: bytes
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, identity: Identity, request: Request) -> QueueRecord:
        """Accept a job. Raises NoCollabError, NoQuotaError; the job itself reports every other mistake when it runs."""
        if request.collab not in COLLABS:
            raise NoCollabError("You do not have access to this collab or there is no collab with this id")
        if request.hardware_platform not in COLLABS[request.collab]:
            raise NoQuotaError("You do not have sufficient compute quota to submit this job")
        submitted = self._description(request)
        with self._lock:
            job = self.engine.create(identity, submitted, Origin(service="nmpi"))
            number = max((record.number for record in self.shelf), default=_FIRST_NUMBER - 1) + 1
            record = QueueRecord(
                id=str(number),
                number=number,
                owner=identity.name,
                job=job.id,
                created=datetime.now(UTC),
                request=request,
                tags=tuple(sorted(set(request.tags or ()))),
            )
            self.shelf.save(record)
        return record

    def find(self, number: str) -> QueueRecord | None:
        """The job with that number."""
        return self.shelf.get(number)

    def status(self, record: QueueRecord) -> QueueStatus:
        """The job's status now."""
        job = self.engine.store.get(record.job)
        if record.removed or job is None:
            return QueueStatus.REMOVED
        return _status(job)

    def ended(self, record: QueueRecord) -> datetime | None:
        """When it ended; None if it has not."""
        job = self.engine.store.get(record.job)
        return job.ended if job else record.ended

    def log(self, record: QueueRecord) -> str:
        """The job's output and, after a failure, the engine's message."""
        job = self.engine.store.get(record.job)
        if job is None:
            return ""
        said = results.log(self.engine.workspace(job))
        return said + (f"local site: {job.state.message}\n" if job.state.phase is Phase.FAILED else "")

    def outputs(self, record: QueueRecord) -> tuple[Output, ...]:
        """The job's result files; empty while it runs."""
        job = self.engine.store.get(record.job)
        if job is None or not self.status(record).is_final:
            return ()
        if record.outputs is None:
            found = results.outputs(self.engine.workspace(job))
            self.change(record.number, lambda old: old.model_copy(update={"outputs": found}))
            return found
        return record.outputs

    def change(self, number: int, changed: Callable[[QueueRecord], QueueRecord]) -> QueueRecord | None:
        """Change the record of a job; None if it no longer exists."""
        with self._lock:
            record = self.shelf.get(str(number))
            if record is not None:
                self.shelf.save(record := changed(record))
            return record

    def remove(self, record: QueueRecord) -> None:
        """End the job and remove it from the lists; its number is not used again."""
        ended = self.ended(record)
        self.change(record.number, lambda old: old.model_copy(update={"removed": True, "outputs": (), "ended": ended}))
        self.engine.destroy(record.job)

    def key(self, record: QueueRecord) -> str:
        """A secret that makes the addresses of a job's results unguessable: like the service, this queue serves them without a login."""
        return hmac.new(self.secret, f"nmpi {record.number}".encode(), hashlib.sha256).hexdigest()

    def _description(self, request: Request) -> dict[str, Any]:
        """The engine's job for the request, or one that says why it cannot run."""
        platform = PLATFORMS[request.hardware_platform]
        image = self.images / f"{platform.name}.sif"
        if not image.is_file():
            return refusal(f"platform {platform.name} has no image at this site ({image})")
        try:
            return description(request, platform, image)
        except RequestError as error:
            return refusal(str(error))


def _status(job: JobRecord) -> QueueStatus:
    match job.state.phase:
        case Phase.SUCCESSFUL:
            return QueueStatus.FINISHED
        case Phase.FAILED:
            return QueueStatus.ERROR
        case Phase.LOGIN_NODE if job.state.process:
            return QueueStatus.RUNNING
    return QueueStatus.SUBMITTED
