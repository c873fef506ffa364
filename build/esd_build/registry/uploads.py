"""Uploading a blob in chunks: in constant memory, and going on where an earlier try was cut off, as far as the registry has kept it.

OCI distribution specification 1.1, "Pushing a blob in chunks". The registry decides how much it keeps of a cut upload. One that follows
the specification continues at the byte that it has. Distribution 2.x (Debian's docker-registry, Harbor's core) forgets an upload that was
cut inside a chunk. A proxy that buffers whole requests prevents that (nginx does by default).
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError
from requests.models import PreparedRequest

from esd_build.data.errors import ToolError, UsageError
from esd_build.data.reference import ImageReference
from esd_build.data.whole import write_whole
from esd_build.net.patience import Faults, PassingFault
from esd_build.registry.blobs import Blob, FilePart, Progress, unseen
from esd_build.registry.session import Connection

_CHUNK_MB = 32
_RANGE = re.compile(r"(?:bytes=)?0-(\d+)")
_LOST = frozenset({400, 404, 416})


class _Session(BaseModel):
    """An upload that the registry knows: where its next bytes go, and how many it has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    offset: int


@dataclass(frozen=True)
class _Journal:
    """Remembers an upload session on disk, so that a push that was killed can be gone on with."""

    file: Path

    def read(self) -> _Session | None:
        try:
            return _Session.model_validate_json(self.file.read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, session: _Session) -> None:
        write_whole(self.file, session.model_dump_json(), mode=0o600)

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)


class Upload:
    """One blob on its way to one repository. `journal_folder` is where unfinished uploads are remembered."""

    def __init__(
        self, connection: Connection, reference: ImageReference, blob: Blob, *, journal_folder: Path, progress: Progress = unseen
    ) -> None:
        self._connection = connection
        self._container = connection.container(reference)
        self._blob = blob
        self._progress = progress
        self._doing = f"pushing {blob.path.name} to {reference.registry}/{reference.repository}"
        journal_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{reference.registry}-{reference.repository}-{blob.digest[7:]}".replace("/", "_").replace(":", "_")
        self._journal = _Journal(journal_folder / f"{name}.json")
        self._lock = FileLock(journal_folder / f"{name}.lock")
        self._chunk = chunk_bytes()
        self._farthest = 0

    def run(self) -> None:
        """Bring the blob there, unless it is there. Two at once make one upload: the second waits, and then finds the blob."""
        with self._lock:
            faults = Faults(self._connection.patience)
            session = self._known()
            while not self._there():
                try:
                    session = self._send(session or self._start(), faults)
                    self._finish(session)
                except PassingFault as fault:
                    faults.bear(fault)
                    session = self._known()
            self._journal.forget()
            self._progress(self._blob.size, self._blob.size)

    def _there(self) -> bool:
        url = f"https://{self._container.get_blob_url(self._blob.digest)}"
        return self._connection.patiently("HEAD", url, self._doing, accepted=frozenset({200, 404})).ok

    def _start(self) -> _Session:
        url = f"https://{self._container.upload_blob_url()}"
        begun = self._connection.ask("POST", url, self._doing, accepted=frozenset({202}), headers={"Content-Length": "0"})
        least = begun.headers.get("OCI-Chunk-Min-Length", "")
        self._chunk = max(self._chunk, int(least) if least.isdecimal() else 0)
        return self._remembered(begun, 0)

    def _known(self) -> _Session | None:
        """The session that was begun before, as the registry has it now; None if it has forgotten it."""
        session = self._journal.read()
        if session is None:
            return None
        accepted = _LOST | {200, 202, 204}
        answer = self._connection.patiently("GET", session.url, self._doing, accepted=accepted)
        have = _RANGE.match(answer.headers.get("Range", ""))
        if answer.status_code in _LOST or have is None:
            self._journal.forget()
            return None
        # "0-0" is what registries say of nothing; one byte they say the same of is not worth telling apart.
        return self._remembered(answer, int(have[1]) + 1 if int(have[1]) else 0, session.url)

    def _send(self, session: _Session, faults: Faults) -> _Session:
        while session.offset < self._blob.size:
            length = min(self._chunk, self._blob.size - session.offset)
            last = session.offset + length - 1
            headers = {"Content-Range": f"{session.offset}-{last}", "Content-Type": "application/octet-stream"}
            with FilePart(self._blob.path, session.offset, length, self._watcher(session.offset)) as part:
                answer = self._ask("PATCH", session.url, accepted=frozenset({202, 204}), headers=headers, data=part)
            session = self._remembered(answer, last + 1, session.url)
            if session.offset > self._farthest:
                self._farthest = session.offset
                faults.forward()
        return session

    def _finish(self, session: _Session) -> None:
        request = PreparedRequest()
        request.prepare_url(session.url, {"digest": self._blob.digest})
        answer = self._ask("PUT", str(request.url), accepted=frozenset({201, 204, 400}), headers={"Content-Length": "0"})
        if answer.status_code == requests.codes.bad_request:
            self._journal.forget()
            if Blob.of(self._blob.path).digest != self._blob.digest:
                raise UsageError(f"{self._doing}: the file changed during the upload; nothing was published, push it again")
            raise PassingFault(
                ToolError(f"{self._doing}: the registry received other bytes than were sent; nothing was published, push it again")
            )

    def _ask(self, method: str, url: str, *, accepted: frozenset[int], **options: object) -> requests.Response:
        """A request of a session. One that the registry has lost is a passing fault: a new one is begun."""
        answer = self._connection.ask(method, url, self._doing, accepted=accepted | _LOST, **options)  # type: ignore[arg-type]
        if answer.status_code not in accepted:
            raise PassingFault(
                ToolError(f"{self._doing}: the registry repeatedly forgets the upload ({answer.status_code}); tell its administrator")
            )
        return answer

    def _remembered(self, answer: requests.Response, offset: int, url: str = "") -> _Session:
        place = answer.headers.get("Location") or url
        if not place:
            raise ToolError(f"{self._doing}: the registry does not say where to send the bytes (no Location); tell its administrator")
        session = _Session(url=self._connection.own(place), offset=offset)
        self._journal.write(session)
        return session

    def _watcher(self, start: int) -> Callable[[int], None]:
        return lambda done: self._progress(start + done, self._blob.size)


def chunk_bytes() -> int:
    """How much is sent in one request; $ESD_REGISTRY_CHUNK_MB says otherwise, for proxies that take in less."""
    text = os.environ.get("ESD_REGISTRY_CHUNK_MB", str(_CHUNK_MB))
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"ESD_REGISTRY_CHUNK_MB is '{text}'; expected a whole number of megabytes")
    return int(text) * 1024**2
