"""Routes about storages and the files in them."""

import os
import re
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from esd_localsite.files.files import PathError, Storage, read_range
from esd_localsite.jobs.faults import check_quota
from esd_localsite.records.life import Phase
from esd_localsite.records.storages import HOME, job_of_storage, storage_of
from esd_localsite.unicore.answers import uspace_id
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, job_of, owner_of
from esd_localsite.unicore.requests import answer, json_body, listing, prompt_pieces, wanted_tags
from esd_localsite.unicore.work_answers import StorageSeen, file_document, storage_document

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def list_storages(request: Request) -> Response:
    """HOME, and with `filter=all` the working directories of the caller's jobs."""
    endpoint, owner, tags = endpoint_of(request), owner_of(request), wanted_tags(request)
    ids = [HOME] if owner and not tags else []
    if request.query_params.get("filter") == "all":
        own = (r for r in endpoint.engine.store if r.owner == owner and r.service == "unicore" and tags <= set(r.tags))
        ids += [uspace_id(record.id) for record in own]
    return listing(request, "storages", [endpoint.urls.of("storages", storage) for storage in ids], endpoint.urls.of("storages", ""))


def show_storage(request: Request) -> Response:
    """A storage's properties."""
    return answer(request, storage_document(_seen(request, storage_of_request(request)), endpoint_of(request).config))


async def move_file(request: Request) -> Response:
    """`rename` and `copy`: `{"from": …, "to": …}`."""
    storage, names, action = storage_of_request(request), await json_body(request), request.path_params["action"]
    source, target = names.get("from"), names.get("to")
    failed = f"Error handling action: '{action}'"
    if action not in {"rename", "copy"} or not isinstance(source, str) or not isinstance(target, str):
        raise HTTPException(500, f"{failed}: it needs 'from' and 'to', both paths in this storage")
    try:
        await run_in_threadpool(storage.rename if action == "rename" else storage.copy, source, target)
    except OSError as error:
        raise HTTPException(500, f"{failed}: {error.strerror}: {error.filename}") from error
    return Response(status_code=204, media_type="application/json")


def get_file(request: Request) -> Response:
    """A file's properties as JSON, or its bytes, as `Accept` says."""
    storage = storage_of_request(request)
    if "application/octet-stream" in request.headers.get("accept", ""):
        return send_file(request, storage, _name(request))
    url = endpoint_of(request).urls.of("storages", request.path_params["storage"])
    return answer(request, file_document(storage.properties(_name(request)), url))


async def put_file(request: Request) -> Response:
    """Upload a file; with a JSON body change its permissions instead."""
    storage, name = storage_of_request(request), _name(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        permissions = (await json_body(request)).get("permissions")
        return answer(request, {} if permissions is None else {"permissions": await run_in_threadpool(_set, storage, name, permissions)})
    check_quota(endpoint_of(request).faults, name)
    await receive_file(request, storage, name)
    return Response(status_code=204)


def _set(storage: Storage, name: str, permissions: object) -> str:
    try:
        storage.set_permissions(name, str(permissions))
    except PathError as error:
        return f"FAILED: {error}"
    return "OK"


def make_directory(request: Request) -> Response:
    """Make a directory and its parents."""
    check_quota(endpoint_of(request).faults, _name(request))
    storage_of_request(request).make_directory(_name(request))
    url = endpoint_of(request).urls.of("storages", request.path_params["storage"])
    return Response(status_code=201, headers={"Location": f"{url}/files/{quote(_name(request))}"})


def remove_file(request: Request) -> Response:
    """Remove a file or a whole directory; without a path, everything in the storage."""
    storage_of_request(request).remove(_name(request))
    return Response(status_code=204)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length of a `Range`, at most to the file's end; None for the whole file. Raises HTTPException 416."""
    if header is None:
        return None
    match = _RANGE.fullmatch(header)
    if match is None or match.group(1, 2) == ("", ""):
        raise HTTPException(416, f"Range header '{header}' cannot be parsed")
    if match[1] == "":
        length = min(int(match[2]), size)
        return size - length, length
    first, last = min(int(match[1]), size), min(int(match[2] or size), size - 1)
    return first, max(last - first + 1, 0)


def routes() -> list[Route]:
    """All routes of this module."""
    storage = "/rest/core/storages/{storage}"
    return [
        Route("/rest/core/storages", list_storages),
        Route(storage, show_storage),
        Route(f"{storage}/actions/{{action}}", move_file, methods=["POST"]),
        *(
            route
            for path in (f"{storage}/files", f"{storage}/files/{{path:path}}")
            for route in (
                Route(path, get_file),
                Route(path, put_file, methods=["PUT"]),
                Route(path, make_directory, methods=["POST"]),
                Route(path, remove_file, methods=["DELETE"]),
            )
        ),
    ]


def storage_of_request(request: Request) -> Storage:
    """The caller's storage that a path names. Raises HTTPException 404, 403."""
    endpoint, storage_id = endpoint_of(request), request.path_params["storage"]
    account, job = account_of_caller(request), job_of_storage(storage_id)
    if job is not None:
        job_of(request, job)  # 403 if it belongs to another user
    try:
        return storage_of(endpoint.engine.store, storage_id, identity_of(request).name, account)
    except PathError as error:
        raise HTTPException(404, str(error)) from error


def _seen(request: Request, storage: Storage) -> StorageSeen:
    """A job's directory appears a moment after the job. If it cannot be made, the job fails and the storage has none."""
    storage_id, owner, urls = request.path_params["storage"], identity_of(request).name, endpoint_of(request).urls
    job = job_of_storage(storage_id)
    if job is None:
        return StorageSeen(storage_id, owner, str(storage.root), storage.free())
    phase = job_of(request, job).state.phase
    if phase is Phase.CREATED or not storage.root.exists():
        status = "ERROR" if phase.is_final else "INITIALIZING" if phase is Phase.CREATED else "READY"
        return StorageSeen(storage_id, owner, status=status, job=urls.of("jobs", job))
    return StorageSeen(storage_id, owner, str(storage.root), storage.free(), job=urls.of("jobs", job))


def _name(request: Request) -> str:
    name: str = request.path_params.get("path", "")
    return name


def send_file(request: Request, storage: Storage, name: str) -> Response:
    """The bytes of a file, or the part that `Range` asks for. Never compressed: the client takes the bytes as they come."""
    stream = storage.open(name)
    try:
        size = os.fstat(stream.fileno()).st_size
        part = parse_range(request.headers.get("range"), size)
    except BaseException:
        stream.close()
        raise
    first, length = part or (0, size)
    return FileBytes(stream, first, length, {"Content-Length": str(length)}, whole=part is None)


class FileBytes(StreamingResponse):
    """Part of a file. Closes it at the end even if the client goes away, which Starlette does not guarantee."""

    def __init__(self, stream: BinaryIO, first: int, length: int, headers: Mapping[str, str], *, whole: bool) -> None:
        super().__init__(read_range(stream, first, length), 200 if whole else 206, headers, "application/octet-stream")
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()


async def receive_file(request: Request, storage: Storage, name: str) -> None:
    """Write the body in place as it arrives; after an interruption, the part that arrived stays."""
    stream = await run_in_threadpool(storage.writing, name)
    try:
        async for chunk in prompt_pieces(request):
            await run_in_threadpool(stream.write, chunk)
    finally:
        await run_in_threadpool(stream.close)
