"""Faults that a site shows on purpose: a board (one JSON file) that the command line writes and the site's servers read.

A file, because a switch must survive a restart of the endpoint, and works while the endpoint is down.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from esd_localsite.errors import LocalSiteError
from esd_localsite.state.files import write


class FaultKind(StrEnum):
    """The faults that can be switched on."""

    EXPIRED_SESSIONS = "expired-sessions"
    EXPIRED_TOKENS = "expired-tokens"
    SUBMIT_503 = "submit-503"
    CUT_BODY = "cut-body"
    SLOW = "slow"
    SBATCH_FAILS = "sbatch-fails"
    JOB_LOST = "job-lost"
    PRECOMMAND_IN_BATCH = "precommand-in-batch"
    DISK_QUOTA = "disk-quota"
    NODE_DOWN = "node-down"
    NODE_DIES = "node-dies"
    ENDPOINT_DOWN = "endpoint-down"
    ENDPOINT_RESTART = "endpoint-restart"
    REGISTRY_DOWN = "registry-down"
    SERVER_DOWN = "server-down"
    TSI_DOWN = "tsi-down"
    UNICORE_REGISTRY_503 = "unicore-registry-503"
    NMPI_503 = "nmpi-503"


MEANING = {
    FaultKind.EXPIRED_SESSIONS: "every request that names a security session gets 432",
    FaultKind.EXPIRED_TOKENS: "every request with a bearer token gets 403, as if the token had expired",
    FaultKind.SUBMIT_503: "submitting a job gets 503",
    FaultKind.CUT_BODY: "the connection breaks in the middle of a file, up or down",
    FaultKind.SLOW: "every answer takes --seconds longer (default 2)",
    FaultKind.SBATCH_FAILS: "sbatch fails: the server tries again, then gives the job up",
    FaultKind.JOB_LOST: "a batch job vanishes from the queue without an exit code",
    FaultKind.PRECOMMAND_IN_BATCH: "precommands of new jobs run inside the batch job, not on the login node",
    FaultKind.DISK_QUOTA: "uploads and imports exceed the quota; the login node's SCRATCH is an empty disk of --megabytes (default 16)",
    FaultKind.NODE_DOWN: "Slurm takes --node (default: the last one) down, and its jobs with it",
    FaultKind.NODE_DIES: "the daemon of --node (default: the last one) is killed and stays away, for --seconds or until cleared",
    FaultKind.ENDPOINT_DOWN: "the UNICORE endpoint is killed and stays away, for --seconds or until cleared",
    FaultKind.ENDPOINT_RESTART: "the UNICORE endpoint is killed and restarted; the command returns when it answers",
    FaultKind.REGISTRY_DOWN: "the OCI registry is killed and stays away, for --seconds or until cleared",
    FaultKind.SERVER_DOWN: "the real UNICORE/X is killed and stays away, and its front says 503; for --seconds or until cleared",
    FaultKind.TSI_DOWN: "UNICORE's TSI is killed and stays away, for --seconds or until cleared",
    FaultKind.UNICORE_REGISTRY_503: "UNICORE's own registry service gets 503",
    FaultKind.NMPI_503: "the neuromorphic queue is in maintenance: 503",
}


STAY_AWAY = frozenset({FaultKind.NODE_DIES, FaultKind.ENDPOINT_DOWN, FaultKind.REGISTRY_DOWN, FaultKind.SERVER_DOWN, FaultKind.TSI_DOWN})
"""Faults that kill a daemon, which stays away for a time."""


class Fault(BaseModel):
    """One fault that is switched on. `times`: how often it strikes; None: until cleared."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    kind: FaultKind
    times: int | None = Field(None, ge=1)
    seconds: float | None = Field(None, gt=0)
    node: str | None = None
    megabytes: int | None = Field(None, ge=1)

    def __str__(self) -> str:
        return f"{self.kind} ({self._how_long}): {MEANING[self.kind]}"

    @property
    def _how_long(self) -> str:
        if self.kind is FaultKind.ENDPOINT_RESTART:
            return "once"
        if self.kind in STAY_AWAY and self.seconds:
            return f"for {self.seconds:g} s"
        return "until cleared" if self.times is None else f"{self.times} more time{'s' if self.times > 1 else ''}"


_FAULTS = TypeAdapter(tuple[Fault, ...])


@dataclass
class FaultBoard:
    """The switches of one site, shared between processes. While nothing changes, a query only reads the file's date."""

    path: Path
    _seen: tuple[int, int] | None = None
    _faults: tuple[Fault, ...] = ()

    def all(self) -> tuple[Fault, ...]:
        """The faults that are switched on. Raises LocalSiteError if the file is damaged."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return ()
        seen = (status.st_mtime_ns, status.st_ino)
        if seen != self._seen:
            self._faults, self._seen = _read(self.path), seen
        return self._faults

    def shows(self, kind: FaultKind) -> Fault | None:
        """The fault, if it is on; does not count as a strike."""
        return next((fault for fault in self.all() if fault.kind is kind), None)

    def take(self, kind: FaultKind) -> Fault | None:
        """The fault, if it is on: it strikes now, and counts."""
        if self.shows(kind) is None:
            return None
        with self._changing() as write_back:
            fault = self.shows(kind)
            if fault is not None and fault.times is not None:
                rest = fault.model_copy(update={"times": fault.times - 1})
                write_back((*self._without(kind), *((rest,) if rest.times else ())))
        return fault

    def switch_on(self, fault: Fault) -> None:
        """Switch a fault on; it replaces an earlier one of its kind."""
        with self._changing() as write_back:
            write_back((*self._without(fault.kind), fault))

    def switch_off(self, kind: FaultKind) -> None:
        """Switch a fault off; does nothing if it is not on."""
        with self._changing() as write_back:
            write_back(self._without(kind))

    def _without(self, kind: FaultKind) -> tuple[Fault, ...]:
        return tuple(fault for fault in self.all() if fault.kind is not kind)

    @contextmanager
    def _changing(self) -> Iterator[Callable[[tuple[Fault, ...]], None]]:
        """One change at a time, across processes."""
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._write
        finally:
            os.close(lock)

    def _write(self, faults: tuple[Fault, ...]) -> None:
        write(self.path, json.dumps([fault.model_dump(mode="json", exclude_none=True) for fault in faults]) + "\n")
        self._seen = None


def _read(path: Path) -> tuple[Fault, ...]:
    try:
        return _FAULTS.validate_json(path.read_text())
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise LocalSiteError(f"{path} is not a list of faults ({error.error_count()} errors): remove it, which clears them all") from error
