"""Routes about storages and the files in them."""

import os
import re
from collections.abc import Mapping
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from esd_localsite.files.files import PathError, Storage, Upload, read_range
from esd_localsite.jobs.faults import check_quota
from esd_localsite.jobs.storages import HOME, job_of_storage, storage_of
from esd_localsite.unicore.answers import list_document, storage_document, uspace_id
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, job_of
from esd_localsite.unicore.requests import answer, json_body, listing, prompt_pieces, wanted_tags

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def list_storages(request: Request) -> Response:
    """HOME, and with `filter=all` the working directories of the caller's jobs."""
    endpoint, owner, tags = endpoint_of(request), identity_of(request).name, wanted_tags(request)
    ids = [] if tags else [HOME]
    if request.query_params.get("filter") == "all":
        own = (r for r in endpoint.engine.store if r.owner == owner and r.service == "unicore" and tags <= set(r.tags))
        ids += [uspace_id(record.id) for record in own]
    urls = [endpoint.urls.of("storages", storage) for storage in ids]
    return listing(request, list_document("storages", urls, endpoint.urls.of("storages")), "storages")


def show_storage(request: Request) -> Response:
    """A storage's properties."""
    storage = _storage(request)
    url = endpoint_of(request).urls.of("storages", request.path_params["storage"])
    return answer(request, storage_document(url, str(storage.root), *storage.space()))


async def move_file(request: Request) -> Response:
    """`rename` and `copy`: `{"from": …, "to": …}`."""
    storage, names = _storage(request), await json_body(request)
    source, target = names.get("from"), names.get("to")
    if not isinstance(source, str) or not isinstance(target, str):
        raise HTTPException(400, "'from' and 'to' are needed, both paths in this storage")
    work = storage.rename if request.path_params["action"] == "rename" else storage.copy
    await run_in_threadpool(work, source, target)
    return Response(status_code=204)


def get_file(request: Request) -> Response:
    """A file's properties as JSON, or its bytes, as `Accept` says."""
    if "application/octet-stream" in request.headers.get("accept", ""):
        return send_file(request, _storage(request), _name(request))
    return answer(request, _storage(request).properties(_name(request)))


async def put_file(request: Request) -> Response:
    """Upload a file; with a JSON body change its permissions instead."""
    storage, name = _storage(request), _name(request)
    if request.headers.get("content-type", "").startswith("application/json"):
        permissions = (await json_body(request)).get("permissions")
        if permissions is not None:
            await run_in_threadpool(storage.set_permissions, name, str(permissions))
        return answer(request, {"permissions": "OK"} if permissions is not None else {})
    check_quota(endpoint_of(request).faults, name)
    await _receive(request, await run_in_threadpool(storage.upload, name))
    return Response(status_code=204)


def make_directory(request: Request) -> Response:
    """Make a directory and its parents."""
    check_quota(endpoint_of(request).faults, _name(request))
    _storage(request).make_directory(_name(request))
    return Response(status_code=201)


def remove_file(request: Request) -> Response:
    """Remove a file, or a whole directory."""
    _storage(request).remove(_name(request))
    return Response(status_code=204)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and length of a `Range`; None where the whole file is meant. Raises HTTPException 416."""
    match = _RANGE.fullmatch(header or "")
    if match is None or match.group(1, 2) == ("", ""):
        return None
    if match[1] == "":
        length = min(int(match[2]), size)
        first, last = size - length, size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if first > last:
        raise HTTPException(416, f"Range '{header}' is not in the file of {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return first, last - first + 1


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


def _storage(request: Request) -> Storage:
    endpoint, storage_id = endpoint_of(request), request.path_params["storage"]
    account, job = account_of_caller(request), job_of_storage(storage_id)
    if job is not None:
        job_of(request, job)  # 403 where it is another's
    try:
        return storage_of(endpoint.engine.store, storage_id, identity_of(request).name, account)
    except PathError as error:
        raise HTTPException(404, str(error)) from error


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
    headers = {"Content-Length": str(length), "Accept-Ranges": "bytes"}
    if part:
        headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{size}"
    return FileBytes(stream, first, length, headers, whole=part is None)


class FileBytes(StreamingResponse):
    """Part of a file, which is closed at the end also where the client goes away: Starlette leaves that to chance."""

    def __init__(self, stream: BinaryIO, first: int, length: int, headers: Mapping[str, str], *, whole: bool) -> None:
        super().__init__(read_range(stream, first, length), 200 if whole else 206, headers, "application/octet-stream")
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._stream.close()


async def _receive(request: Request, upload: Upload) -> None:
    try:
        async for chunk in prompt_pieces(request):
            await run_in_threadpool(upload.write, chunk)
        await run_in_threadpool(upload.finish)
    except BaseException:  # a full disk, a client that went away, the end of the endpoint
        upload.cancel()
        raise
