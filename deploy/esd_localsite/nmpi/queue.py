"""The queue's jobs: taken in, followed through the engine, remembered."""

import hashlib
import hmac
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from esd_localsite.identity.users import Identity
from esd_localsite.jobs.creation import Origin
from esd_localsite.jobs.engine import Engine
from esd_localsite.jobs.life import Phase
from esd_localsite.jobs.records import JobRecord
from esd_localsite.jobs.shelf import Shelf
from esd_localsite.nmpi import results
from esd_localsite.nmpi.platforms import PLATFORMS, Platform
from esd_localsite.nmpi.program import RequestError, description
from esd_localsite.nmpi.records import Output, QueueRecord, QueueStatus, Request

COLLABS: Mapping[str, bool] = {"demo": True, "no-quota": False}
"""The collaboratories that the queue knows, and whether they have a quota."""
_FIRST_NUMBER = 1


class NoCollabError(Exception):
    """A collaboratory that is not there, or not open to the user."""


class NoQuotaError(Exception):
    """A collaboratory without a quota on the platform."""


class NoImageError(Exception):
    """A platform whose image is not here."""


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
        """Take a job in. Raises RequestError, NoCollabError, NoQuotaError, NoImageError."""
        image = self.images / f"{self._platform(request).name}.sif"
        if request.collab not in COLLABS:
            raise NoCollabError(f"Collab '{request.collab}' not found, or you are no member (there are {', '.join(COLLABS)})")
        if not COLLABS[request.collab]:
            raise NoQuotaError(f"Collab '{request.collab}' has no quota for {request.hardware_platform}")
        submitted = description(request, self._platform(request), image)
        if not image.is_file():
            raise NoImageError(f"platform {request.hardware_platform} has no image at this site ({image})")
        with self._lock:
            job = self.engine.create(identity, submitted, Origin(service="nmpi"))
            number = max((record.number for record in self.shelf), default=_FIRST_NUMBER - 1) + 1
            record = QueueRecord(
                id=str(number),
                number=number,
                owner=identity.name,
                job=job.id,
                created=datetime.now(UTC),
                request=request.model_dump(mode="json"),
                tags=tuple(request.tags or ()),
            )
            self.shelf.save(record)
        return record

    def find(self, number: str) -> QueueRecord | None:
        """The job of that number."""
        return self.shelf.get(number)

    def status(self, record: QueueRecord) -> QueueStatus:
        """Where the job stands now."""
        job = self.engine.store.get(record.job)
        if record.removed or job is None:
            return QueueStatus.REMOVED
        return _status(job)

    def ended(self, record: QueueRecord) -> datetime | None:
        """When it ended; None while it has not."""
        job = self.engine.store.get(record.job)
        return job.ended if job else None

    def log(self, record: QueueRecord) -> str:
        """What the job has said, and for a failure what the engine says of it."""
        job = self.engine.store.get(record.job)
        if job is None:
            return ""
        said = results.log(self.engine.workspace(job))
        return said + (f"local site: {job.state.message}\n" if job.state.phase is Phase.FAILED else "")

    def outputs(self, record: QueueRecord) -> tuple[Output, ...]:
        """What the job left; empty while it runs."""
        job = self.engine.store.get(record.job)
        if job is None or not self.status(record).is_final:
            return ()
        if record.outputs is None:
            found = results.outputs(self.engine.workspace(job))
            self.change(record.number, lambda old: old.model_copy(update={"outputs": tuple(output.model_dump() for output in found)}))
            return found
        return tuple(Output(**output) for output in record.outputs)

    def change(self, number: int, changed: Callable[[QueueRecord], QueueRecord]) -> QueueRecord | None:
        """Change what is remembered of a job; None where there is none any more."""
        with self._lock:
            record = self.shelf.get(str(number))
            if record is not None:
                self.shelf.save(record := changed(record))
            return record

    def remove(self, record: QueueRecord) -> None:
        """End the job and take it from the lists; its number stays taken."""
        self.change(record.number, lambda old: old.model_copy(update={"removed": True, "outputs": ()}))
        self.engine.destroy(record.job)

    def key(self, record: QueueRecord) -> str:
        """What makes the addresses of a job's results unguessable: they are given without a login, as those of the service are."""
        return hmac.new(self.secret, f"nmpi {record.number}".encode(), hashlib.sha256).hexdigest()

    def _platform(self, request: Request) -> Platform:
        platform = PLATFORMS.get(request.hardware_platform)
        if platform is None:
            raise RequestError(f"hardware_platform '{request.hardware_platform}' is not available: {', '.join(PLATFORMS)}")
        return platform


def _status(job: JobRecord) -> QueueStatus:
    match job.state.phase:
        case Phase.SUCCESSFUL:
            return QueueStatus.FINISHED
        case Phase.FAILED:
            return QueueStatus.ERROR
        case Phase.LOGIN_NODE if job.state.process:
            return QueueStatus.RUNNING
    return QueueStatus.SUBMITTED
