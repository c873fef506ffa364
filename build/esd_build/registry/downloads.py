"""Downloading a blob: checked by its digest, gone on with where an earlier try was cut off, and never there by halves."""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import requests

from esd_build.data.errors import FULL, EsdError, ToolError
from esd_build.data.reference import ImageReference
from esd_build.net.patience import Faults, PassingFault
from esd_build.registry.blobs import Blob, Progress, unseen
from esd_build.registry.session import Connection

_BLOCK = 64 * 1024  # fits the processor's cache: megabytes at a time cost twice the system's time
_BLOCKS_BEHIND = 16


class _Keeper:
    """Writes and hashes in a thread of its own, while the next block is on its way; never more than a few blocks behind."""

    def __init__(self, file: BinaryIO, digest: "hashlib._Hash") -> None:
        self._file = file
        self._hash = digest
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> "_Keeper":
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.shutdown()
        while self._waiting:
            self._waiting.popleft().result()

    def keep(self, block: bytes) -> None:
        self._waiting.append(self._thread.submit(self._do, block))
        if len(self._waiting) > _BLOCKS_BEHIND:
            self._waiting.popleft().result()

    def _do(self, block: bytes) -> None:
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(block)


class Download:
    """One blob on its way to one file. Until it is whole it is `.<name>.<digest>.part` beside it."""

    def __init__(
        self, connection: Connection, reference: ImageReference, digest: str, size: int, target: Path, *, progress: Progress = unseen
    ) -> None:
        self._connection = connection
        self._url = f"https://{connection.container(reference).get_blob_url(digest)}"
        self._digest = digest
        self._size = size
        self._target = target
        self._part = target.with_name(f".{target.name}.{digest[7:19]}.part")
        self._progress = progress
        self._doing = f"pulling {reference}"

    def run(self) -> None:
        """Bring the blob here. Two at once make one download: the second waits, and then finds the file.

        Raises ToolError if what came is not what the digest names; then nothing of it is kept.
        """
        self._target.parent.mkdir(parents=True, exist_ok=True)
        with self._alone() as file:
            if self._is_there():
                self._part.unlink()
                return
            self._require_space(file)
            with self._disk_full_explained():
                resumed = self._fetch(file)
                if resumed and not self._is_right(file):
                    file.truncate(0)
                    self._fetch(file)
            if not self._is_right(file):
                self._part.unlink()
                raise ToolError(f"{self._doing}: the downloaded content does not match its manifest ({self._digest}); try again")
            self._part.replace(self._target)

    def _fetch(self, file: BinaryIO) -> bool:
        """Read until all is here; True if some of it was here before."""
        had = have = file.seek(0, os.SEEK_END)
        self._hash = hashlib.sha256()
        self._hash_what_is_here(file, have)
        self._furthest = have
        faults = Faults(self._connection.patience)
        while have < self._size:
            try:
                have = self._read_on(file, have, faults)
            except PassingFault as fault:
                faults.bear(fault)
                have = file.tell()
        return had > 0

    def _hash_what_is_here(self, file: BinaryIO, have: int) -> None:
        file.seek(0)
        while file.tell() < have:
            self._hash.update(file.read(_BLOCK))

    def _read_on(self, file: BinaryIO, have: int, faults: Faults) -> int:
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with (
            self._connection.faults(self._doing),
            self._connection.ask("GET", self._url, self._doing, accepted=frozenset({200, 206}), headers=headers, stream=True) as response,
        ):
            have = self._begin(file, have, response)
            with _Keeper(file, self._hash) as keeper:
                for block in response.iter_content(_BLOCK):
                    keeper.keep(block)
                    have += len(block)
                    if have > self._furthest:  # not what came before, too: a server may begin anew, and break off, for ever
                        self._furthest = have
                        faults.forward()
                    self._progress(have, self._size)
                    if have > self._size:
                        break
        if have < self._size:
            raise PassingFault(ToolError(f"{self._doing}: registry {self._connection.host} ends after {have} of {self._size} bytes"))
        return have

    def _begin(self, file: BinaryIO, have: int, response: requests.Response) -> int:
        """Where the answer starts in the file: a server may ignore that only the rest was asked for."""
        if response.status_code == requests.codes.partial_content:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                raise ToolError(f"{self._doing}: registry {self._connection.host} sends another part than was asked for")
            return have
        file.seek(0)
        file.truncate(0)
        self._hash = hashlib.sha256()
        return 0

    def _is_right(self, file: BinaryIO) -> bool:
        return file.tell() == self._size and f"sha256:{self._hash.hexdigest()}" == self._digest

    def _is_there(self) -> bool:
        return self._target.is_file() and self._target.stat().st_size == self._size and Blob.of(self._target).digest == self._digest

    def _require_space(self, file: BinaryIO) -> None:
        missing = self._size - file.seek(0, os.SEEK_END)
        free = shutil.disk_usage(self._target.parent).free
        if missing > free:
            raise self._full(f"{missing / 1e6:.0f} MB are missing, but only {free / 1e6:.0f} MB are free")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[BinaryIO]:
        """The unfinished file, locked; another process that is at it is waited for."""
        while True:
            self._part.touch()
            with self._part.open("r+b", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(file.fileno()), self._part.stat()):
                        yield file
                        return

    @contextlib.contextmanager
    def _disk_full_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            self._part.unlink(missing_ok=True)
            raise self._full(str(error.strerror)) from error

    def _full(self, why: str) -> EsdError:
        return ToolError(f"{self._doing}: no room in {self._target.parent}: {why}; nothing was kept. Make room, or name another folder")
