"""Routes of the queue. Who asks is told by a bearer token of the site's issuer; errors come as `{"detail": …}`, 503 as `{"error": …}`."""

import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from esd_localsite.faults.board import FaultKind
from esd_localsite.files.files import Storage
from esd_localsite.identity.oidc import GrantError
from esd_localsite.identity.users import Identity
from esd_localsite.nmpi.answers import Document, job_document, project_document, results_document
from esd_localsite.nmpi.program import WORK, RequestError
from esd_localsite.nmpi.queue import COLLABS, NoCollabError, NoImageError, NoQuotaError, Queue
from esd_localsite.nmpi.records import QueueRecord, QueueStatus, Request
from esd_localsite.unicore.endpoint import endpoint_of
from esd_localsite.unicore.requests import raw_body
from esd_localsite.unicore.storage_routes import send_file

_REFUSALS: dict[type[Exception], int] = {RequestError: 400, NoQuotaError: 403, NoCollabError: 404, NoImageError: 503}
_PAGE = 100
_MOST_TEXT = 10_000


class QueueError(HTTPException):
    """A refusal, in the queue's form."""


def refused(_request: HttpRequest, error: Exception) -> Response:
    """The answer to a refused request."""
    assert isinstance(error, QueueError)  # noqa: S101 - Starlette calls it with nothing else
    key = "error" if error.status_code == 503 else "detail"
    return JSONResponse({key: error.detail}, error.status_code)


def about(request: HttpRequest) -> Response:
    """What answers here."""
    return JSONResponse({"about": "Neuromorphic job queue of a local site", "version": "3", "links": {"jobs": f"{_base(request)}/jobs/"}})


async def submit(request: HttpRequest) -> Response:
    """A new job."""
    identity, queue = _identity(request), _queue(request)
    fields = await _json(request)
    try:
        asked = Request.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise QueueError(422, problems) from error
    try:
        record = await run_in_threadpool(queue.submit, identity, asked)
    except tuple(_REFUSALS) as error:
        raise QueueError(_REFUSALS[type(error)], str(error)) from error
    return JSONResponse(_document(request, record), 201)


def list_jobs(request: HttpRequest) -> Response:
    """The caller's jobs, newest first."""
    identity, queue, asked = _identity(request), _queue(request), request.query_params
    try:
        size, start = int(asked.get("size", _PAGE)), int(asked.get("from_index", 0))
    except ValueError:
        raise QueueError(422, "size and from_index must be whole numbers") from None
    wanted = {name: set(asked.getlist(name)) for name in ("collab", "hardware_platform")}
    states, users = set(asked.getlist("status")), set(asked.getlist("user_id"))
    found = [
        record
        for record in reversed(tuple(queue.shelf))
        if record.owner == identity.name
        and not record.removed
        and (not users or record.owner in users)
        and (not states or queue.status(record).value in states)
        and all(not names or record.request[key] in names for key, names in wanted.items())
    ]
    return JSONResponse([_document(request, record) for record in found[max(start, 0) :][: max(size, 0)]])


def show(request: HttpRequest) -> Response:
    """One job."""
    return JSONResponse(_document(request, _own(request), with_log=request.query_params.get("with_log", "").lower() == "true"))


def show_log(request: HttpRequest) -> Response:
    """What the job has said."""
    return JSONResponse(_queue(request).log(_own(request)))


def show_results(request: HttpRequest) -> Response:
    """What the job left."""
    return JSONResponse(_results(request, _own(request)))


def remove(request: HttpRequest) -> Response:
    """Take a job from the lists."""
    _queue(request).remove(_own(request))
    return Response(status_code=200)


async def comment(request: HttpRequest) -> Response:
    """A remark on a job that has ended."""
    record, fields = _own(request), await _json(request)
    text = fields.get("content") if isinstance(fields, dict) else None
    if not isinstance(text, str) or len(text) > _MOST_TEXT:
        raise QueueError(422, "content: a text is needed")
    await run_in_threadpool(_queue(request).change, record.number, lambda old: old.model_copy(update={"comments": (*old.comments, text)}))
    return JSONResponse({"content": text, "user": record.owner}, 201)


async def change_tags(request: HttpRequest) -> Response:
    """Add or remove tags."""
    record, given = _own(request), await _json(request)
    if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
        raise QueueError(422, "a list of tags is needed")
    kept: Callable[[QueueRecord], tuple[str, ...]] = (
        (lambda old: tuple(tag for tag in old.tags if tag not in given))
        if request.method == "DELETE"
        else (lambda old: tuple(dict.fromkeys((*old.tags, *given))))
    )
    changed = await run_in_threadpool(_queue(request).change, record.number, lambda old: old.model_copy(update={"tags": kept(old)}))
    return JSONResponse(list(changed.tags if changed else ()))


def data(request: HttpRequest) -> Response:
    """The bytes of a result: for whoever has the address, as with the service."""
    queue, path = _queue(request), request.path_params["path"]
    record = queue.find(request.path_params["job"])
    if record is None or not hmac.compare_digest(request.path_params["key"].encode(), queue.key(record).encode()):
        raise QueueError(404, "Not Found")
    name = {output.path: output.name for output in queue.outputs(record)}.get(path)
    if name is None:
        raise QueueError(404, "Not Found")
    job = queue.engine.store.get(record.job)
    if job is None:
        raise QueueError(404, "Not Found")
    workspace = queue.engine.workspace(job)
    return send_file(request, Storage(workspace.directory / WORK, workspace.account, any_name=True), name)


def projects(request: HttpRequest) -> Response:
    """The grants of computing time."""
    _identity(request)
    collab = request.query_params.get("collab")
    known = [project_document(name, number, quota) for number, (name, quota) in enumerate(COLLABS.items(), 1)]
    return JSONResponse([project for project in known if collab in {None, project["collab"]}])


def login(request: HttpRequest) -> Response:
    """Send a user who wants to log in with a password to the issuer."""
    target = urlencode({"redirect_uri": f"{_base(request)}/auth"})
    return RedirectResponse(f"{endpoint_of(request).config.oidc_url}/auth?{target}", 302)


async def logged_in(request: HttpRequest) -> Response:
    """Back from the issuer, with a code."""
    try:
        tokens = endpoint_of(request).issuer.redeem(request.query_params.get("code", ""))
    except GrantError as error:
        raise QueueError(401, f"invalid_token: {error}") from error
    return JSONResponse({"access_token": tokens.access, "refresh_token": tokens.refresh, "expires_in": tokens.lifetime})


def routes() -> list[Route]:
    """All routes of the queue: at the server's root, where its client looks for them."""
    job = "/jobs/{job}"
    return [
        Route("/", about),
        Route("/jobs/", list_jobs),
        Route("/jobs/", submit, methods=["POST"]),
        Route(job, show),
        Route(job, remove, methods=["DELETE"]),
        Route(f"{job}/log", show_log),
        Route(f"{job}/output_data", show_results),
        Route(f"{job}/comments/", comment, methods=["POST"]),
        Route(f"{job}/tags/", change_tags, methods=["POST", "DELETE"]),
        Route("/data/{job}/{key}/{path:path}", data),
        Route("/projects/", projects),
        Route("/login", login),
        Route("/auth", logged_in),
    ]


def _queue(request: HttpRequest) -> Queue:
    queue: Queue = request.app.state.queue
    return queue


def _base(request: HttpRequest) -> str:
    parts = urlsplit(endpoint_of(request).config.site_url)
    return f"{parts.scheme}://{parts.netloc}"


def _identity(request: HttpRequest) -> Identity:
    endpoint = endpoint_of(request)
    if endpoint.faults.take(FaultKind.NMPI_503):
        raise QueueError(503, "The neuromorphic computing platform is in maintenance")
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    user = endpoint.issuer.user_of(value.strip()) if scheme.lower() == "bearer" else None
    identity = endpoint.gate.identity(user, "OIDC") if user else None
    if identity is None:
        raise QueueError(401, "invalid_token: the token is missing, expired, or not of this issuer")
    return identity


def _own(request: HttpRequest) -> QueueRecord:
    identity, number = _identity(request), request.path_params["job"]
    record = _queue(request).find(number)
    if record is None or record.owner != identity.name:
        raise QueueError(404, f"Job {number} not found")
    return record


async def _json(request: HttpRequest) -> Any:
    try:
        return json.loads((await raw_body(request)).decode() or "null")
    except (ValueError, RecursionError) as error:
        raise QueueError(422, f"The body is not JSON: {error}") from error


def _results(request: HttpRequest, record: QueueRecord) -> Document:
    queue = _queue(request)
    return results_document(_base(request), record, queue.key(record), queue.outputs(record))


def _document(request: HttpRequest, record: QueueRecord, *, with_log: bool = False) -> Document:
    queue = _queue(request)
    status = queue.status(record)
    nothing: Document = {"repository": "local site", "files": []}
    results = nothing if status is QueueStatus.REMOVED else _results(request, record)
    return job_document(record, status, queue.ended(record), queue.log(record) if with_log else None, results)
