"""Routes of the queue: jobs and what belongs to them. The other routes are in `grants`."""

import hmac

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from esd_localsite.files.files import Storage
from esd_localsite.nmpi import grants
from esd_localsite.nmpi.answers import Document, accepted_document, comment_document, job_document, results_document
from esd_localsite.nmpi.asking import (
    QueueError,
    base_of,
    body_of,
    checked,
    choices_asked,
    identity_of,
    number_asked,
    own_job,
    queue_of,
    refused,
)
from esd_localsite.nmpi.program import WORK
from esd_localsite.nmpi.queue import NoCollabError, NoQuotaError
from esd_localsite.nmpi.records import Comment, CommentBody, QueueRecord, QueueStatus, Request, Tag
from esd_localsite.unicore.storage_routes import send_file

__all__ = ["QueueError", "refused", "routes"]

_REFUSALS: dict[type[Exception], int] = {NoQuotaError: 403, NoCollabError: 404}
_PAGE = 10
_REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
_COMMENT: TypeAdapter[CommentBody] = TypeAdapter(CommentBody)
_TAGS: TypeAdapter[list[Tag]] = TypeAdapter(list[Tag])


async def submit(request: HttpRequest) -> Response:
    """A new job."""
    identity, queue = identity_of(request, missing=grants.NOT_LOGGED_IN), queue_of(request)
    asked = checked(_REQUEST, await body_of(request), ("body",))
    try:
        record = await run_in_threadpool(queue.submit, identity, asked)
    except tuple(_REFUSALS) as error:
        raise QueueError(_REFUSALS[type(error)], str(error)) from error
    return JSONResponse(accepted_document(record, QueueStatus.SUBMITTED), 201)


def list_jobs(request: HttpRequest) -> Response:
    """The caller's jobs, newest first."""
    identity, queue, asked = identity_of(request), queue_of(request), request.query_params
    size, start = number_asked(request, "size", _PAGE), number_asked(request, "from_index", 0)
    wanted = {name: set(asked.getlist(name)) for name in ("collab", "hardware_platform")}
    states, tags = choices_asked(request, "status", QueueStatus), set(asked.getlist("tags"))
    _require_self(identity.name, asked.getlist("user_id"))
    grants.require_member(asked.getlist("collab"))
    found = [
        record
        for record in reversed(tuple(queue.shelf))
        if record.owner == identity.name
        and not record.removed
        and (not tags or tags & set(record.tags))
        and (not states or queue.status(record).value in states)
        and all(not names or getattr(record.request, key) in names for key, names in wanted.items())
    ]
    return JSONResponse([_document(request, record) for record in found[max(start, 0) :][: max(size, 0)]])


def _require_self(name: str, users: list[str]) -> None:
    if len(users) > 1:
        raise QueueError(400, "Only admins can directly query other users' jobs or sessions, try querying by collab")
    if users and users[0] != name:
        raise QueueError(403, f"User id provided ({users[0]}) does not match authentication token ({name})")


def show(request: HttpRequest) -> Response:
    """One job."""
    record = own_job(request)
    asked = {name for name in ("with_log", "with_comments") if request.query_params.get(name, "").lower() in {"true", "1", "yes", "on"}}
    document = _document(request, record)
    if "with_log" in asked:
        document["log"] = queue_of(request).log(record) or None
    if "with_comments" in asked:
        document["comments"] = _comments(record) or None
    return JSONResponse(document)


def show_log(request: HttpRequest) -> Response:
    """The job's output, as text."""
    return PlainTextResponse(queue_of(request).log(own_job(request)))


def show_results(request: HttpRequest) -> Response:
    """The job's results. Without results the service fails, and so does this queue."""
    results = _results(request, own_job(request))
    if results is None:
        raise QueueError(500, "")
    return JSONResponse(results)


def remove(request: HttpRequest) -> Response:
    """Remove a job from the lists."""
    queue_of(request).remove(own_job(request))
    return JSONResponse(None)


async def comment(request: HttpRequest) -> Response:
    """A remark on a job."""
    record, asked = own_job(request), checked(_COMMENT, await body_of(request), ("body",))
    said = Comment(content=asked.content, user=record.owner)
    changed = await run_in_threadpool(
        queue_of(request).change, record.number, lambda old: old.model_copy(update={"comments": (*old.comments, said)})
    )
    return JSONResponse(comment_document(record.number, len(changed.comments if changed else ()), said), 201)


def show_comments(request: HttpRequest) -> Response:
    """All remarks, the oldest first."""
    return JSONResponse(_comments(own_job(request)))


def show_tags(request: HttpRequest) -> Response:
    """The job's tags."""
    return JSONResponse(sorted(own_job(request).tags))


async def change_tags(request: HttpRequest) -> Response:
    """Add or remove tags."""
    record, given = own_job(request), checked(_TAGS, await body_of(request), ("body",))
    added = request.method == "POST"

    def kept(old: QueueRecord) -> QueueRecord:
        tags = {*old.tags, *given} if added else {*old.tags} - {*given}
        return old.model_copy(update={"tags": tuple(sorted(tags))})

    changed = await run_in_threadpool(queue_of(request).change, record.number, kept)
    return JSONResponse(list(changed.tags if changed else ()))


def data(request: HttpRequest) -> Response:
    """The bytes of a result, for anyone who knows the address, as in the service."""
    queue, path = queue_of(request), request.path_params["path"]
    record = queue.find(request.path_params["job"])
    if record is None or not hmac.compare_digest(request.path_params["key"].encode(), queue.key(record).encode()):
        raise QueueError(404, "Not Found")
    name = {output.path: output.name for output in queue.outputs(record)}.get(path)
    job = queue.engine.store.get(record.job)
    if name is None or job is None:
        raise QueueError(404, "Not Found")
    workspace = queue.engine.workspace(job)
    return send_file(request, Storage(workspace.directory / WORK, workspace.account, any_name=True), name)


def with_slash(request: HttpRequest) -> Response:
    """Where the list is."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{base_of(request)}{request.url.path}/{query}", 307)


def routes() -> list[Route]:
    """All routes of the queue, at the server's root, where its client expects them."""
    job = "/jobs/{job}"
    return [
        Route("/", grants.about),
        Route("/jobs/", list_jobs),
        Route("/jobs/", submit, methods=["POST"]),
        *(Route(path, with_slash, methods=["GET", "POST"]) for path in ("/jobs", "/projects", "/collabs", "/tags")),
        Route("/jobs/next/{platform}", grants.for_machines),
        Route(job, show),
        Route(job, remove, methods=["DELETE"]),
        Route(job, grants.for_machines, methods=["PUT"]),
        Route(f"{job}/log", show_log),
        Route(f"{job}/log", grants.for_machines, methods=["PUT", "PATCH"]),
        Route(f"{job}/output_data", show_results),
        Route(f"{job}/comments", show_comments),
        Route(f"{job}/comments/", comment, methods=["POST"]),
        Route(f"{job}/tags/", show_tags),
        Route(f"{job}/tags/", change_tags, methods=["POST", "DELETE"]),
        Route("/data/{job}/{key}/{path:path}", data),
        Route("/projects/", grants.projects),
        Route("/projects/{project}", grants.project),
        Route("/collabs/", grants.collabs),
        Route("/tags/", grants.tags),
        Route("/statistics/queue-length", grants.queue_length),
        Route("/login", grants.login),
        Route("/auth", grants.logged_in),
    ]


def _comments(record: QueueRecord) -> list[Document]:
    return [comment_document(record.number, place, said) for place, said in enumerate(record.comments, 1)]


def _results(request: HttpRequest, record: QueueRecord) -> Document | None:
    queue = queue_of(request)
    return results_document(base_of(request), record, queue.key(record), queue.outputs(record))


def _document(request: HttpRequest, record: QueueRecord) -> Document:
    queue = queue_of(request)
    return job_document(record, queue.status(record), queue.ended(record), _results(request, record))
