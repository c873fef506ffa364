"""Faults on purpose, at the two edges of the endpoint: clients' requests and answers, and the batch system."""

import asyncio
import errno
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from esd_localsite.faults.board import Fault, FaultBoard, FaultKind
from esd_localsite.files.processes import Account, account_of
from esd_localsite.jobs.batch import GONE, BatchError, BatchSystem, Submission

_SLOW_S = 2.0
_SESSION = "X-UNICORE-SecuritySession"
_UNKNOWN_SESSION = 432


class CutError(Exception):
    """Ends a reply in the middle: the server closes the connection if a handler fails after the first bytes."""


class FaultyEdge:
    """Middleware around everything else: answers wrongly, late or partly."""

    def __init__(self, app: ASGIApp, board: FaultBoard) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._board.all():
            await self._app(scope, receive, send)
            return
        if slow := await self._strikes(FaultKind.SLOW):
            await asyncio.sleep(slow.seconds or _SLOW_S)
        refusal = await self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
        elif carries_file(scope) and await self._strikes(FaultKind.CUT_BODY):
            await self._app(scope, receive, cutting(send)) if scope["method"] == "GET" else await _cut_upload(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _strikes(self, kind: FaultKind) -> Fault | None:
        return await run_in_threadpool(self._board.take, kind) if self._board.shows(kind) else None

    async def _refusal(self, scope: Scope) -> Response | None:
        headers, path = Headers(scope=scope), str(scope["path"])
        if _SESSION in headers and await self._strikes(FaultKind.EXPIRED_SESSIONS):
            return Response(status_code=_UNKNOWN_SESSION)
        if headers.get("Authorization", "").lower().startswith("bearer ") and await self._strikes(FaultKind.EXPIRED_TOKENS):
            return Response(status_code=403) if "/rest/" in path else JSONResponse({"detail": "invalid_token: expired"}, 401)
        if scope["method"] == "POST" and path.endswith("/rest/core/jobs") and await self._strikes(FaultKind.SUBMIT_503):
            return _unavailable("Job submission is disabled")
        if "/rest/registries/" in path and await self._strikes(FaultKind.UNICORE_REGISTRY_503):
            return _unavailable("The registry is not available")
        return None


def cutting(send: Send) -> Send:
    """Lets half of the body through, then breaks off."""
    left: int | None = None

    async def forward(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            left = int(Headers(raw=message["headers"]).get("content-length", "2")) // 2
            await send(message)
            return
        part = message.get("body", b"")[:left]
        left = (left or 0) - len(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
        if left <= 0:
            raise CutError

    return forward


async def _cut_upload(receive: Receive, send: Send) -> None:
    """Accepts the first part of an upload and hangs up. Nothing of it is kept."""
    await receive()
    await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"1")]})
    raise CutError


def check_quota(board: FaultBoard, path: str) -> None:
    """Raises the kernel's error for a full quota if that fault is on."""
    if board.take(FaultKind.DISK_QUOTA):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), path)


def carries_file(scope: Scope) -> bool:
    """Whether this is a download or upload of a file's bytes; HTTP headers tell it from a query about the file."""
    headers = Headers(scope=scope)
    if "/files" not in str(scope["path"]):
        return False
    if scope["method"] == "GET":
        return "application/octet-stream" in headers.get("accept", "")
    return scope["method"] == "PUT" and not headers.get("content-type", "").startswith("application/json")


def _unavailable(message: str) -> Response:
    return JSONResponse({"status": 503, "errorMessage": message}, 503)


class FaultyBatch:
    """A batch system that fails when the board says so, and otherwise works as usual."""

    def __init__(self, batch: BatchSystem, board: FaultBoard) -> None:
        self._batch = batch
        self._board = board
        self._lost: set[str] = set()

    @property
    def note(self) -> str:
        return self._batch.note

    @property
    def allocates(self) -> bool:
        return self._batch.allocates

    def submit(self, submission: Submission) -> str:
        if self._board.take(FaultKind.SBATCH_FAILS):
            raise BatchError("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)")
        return self._batch.submit(submission)

    def find(self, job_id: str, owner: Account) -> str | None:
        return self._batch.find(job_id, owner)

    def words(self, batch_ids: Iterable[str]) -> Mapping[str, str]:
        asked = tuple(batch_ids)
        for batch_id in asked:
            if batch_id not in self._lost and self._board.take(FaultKind.JOB_LOST):
                self._lost.add(batch_id)
                with suppress(BatchError):
                    self._batch.cancel(batch_id, account_of(None))
        words = self._batch.words(asked)
        return {batch_id: GONE if batch_id in self._lost else words[batch_id] for batch_id in asked if batch_id in words}

    def details(self, batch_id: str, owner: Account) -> dict[str, str]:
        return {} if batch_id in self._lost else self._batch.details(batch_id, owner)

    def cancel(self, batch_id: str, owner: Account) -> None:
        self._batch.cancel(batch_id, owner)
