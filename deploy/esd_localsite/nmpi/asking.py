"""Reads requests to the queue: identity, job, bodies and parameters. Refuses them in the queue's own form and words."""

import json
from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from esd_localsite.faults.board import FaultKind
from esd_localsite.identity.users import Identity
from esd_localsite.nmpi.queue import Queue
from esd_localsite.nmpi.records import QueueRecord
from esd_localsite.unicore.endpoint import endpoint_of
from esd_localsite.unicore.requests import raw_body

T = TypeVar("T")
_WHOLE: TypeAdapter[int] = TypeAdapter(int)
_LARGEST_BODY = 8 * 2**20
"""Bytes; requests contain a job's code as text."""


class QueueError(HTTPException):
    """A refusal; `detail` is a text, or the list of what is wrong."""

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(status, detail)  # type: ignore[arg-type]  # the service's details are lists, too


def refused(_request: HttpRequest, error: Exception) -> Response:
    """The answer to a refused request: `{"detail": …}`, 503 as `{"error": …}`, 500 as text."""
    assert isinstance(error, QueueError)  # noqa: S101 - Starlette calls it with nothing else
    if error.status_code == 500:
        return PlainTextResponse("Internal Server Error", 500)
    return JSONResponse({"error" if error.status_code == 503 else "detail": error.detail}, error.status_code)


def queue_of(request: HttpRequest) -> Queue:
    """The site's queue."""
    queue: Queue = request.app.state.queue
    return queue


def base_of(request: HttpRequest) -> str:
    """Scheme, host and port of this site."""
    parts = urlsplit(endpoint_of(request).config.site_url)
    return f"{parts.scheme}://{parts.netloc}"


def identity_of(request: HttpRequest, *, missing: str = "You must provide either a token or an API key") -> Identity:
    """The caller, by a bearer token of the site's issuer."""
    endpoint = endpoint_of(request)
    if endpoint.faults.take(FaultKind.NMPI_503):
        raise QueueError(503, "The neuromorphic computing platform is in maintenance")
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value.strip():
        raise QueueError(401, missing)
    user = endpoint.issuer.user_of(value.strip())
    identity = endpoint.gate.identity(user, "OIDC") if user else None
    if identity is None:
        raise QueueError(401, "Token may have expired")
    return identity


def own_job(request: HttpRequest) -> QueueRecord:
    """The caller's job that the path names."""
    identity = identity_of(request)
    number = checked(_WHOLE, request.path_params["job"], ("path", "job_id"))
    record = queue_of(request).find(str(number))
    if record is None or record.owner != identity.name:
        raise QueueError(404, f"Either there is no job with id {number}, or you do not have access to it")
    return record


def checked(model: TypeAdapter[T], value: object, where: Sequence[str]) -> T:
    """The value as the model; raises QueueError that lists what is wrong, as the service does."""
    try:
        return model.validate_python(value, from_attributes=True)  # the service's words for a body that is not a document
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise QueueError(422, [{**one, "loc": [*where, *one["loc"]]} for one in found]) from error


def number_asked(request: HttpRequest, name: str, usual: int) -> int:
    """An integer parameter."""
    return checked(_WHOLE, request.query_params.get(name, usual), ("query", name))


def choices_asked(request: HttpRequest, name: str, kind: type[Enum]) -> set[str]:
    """The values of a parameter that may occur several times."""
    model: TypeAdapter[list[Enum]] = TypeAdapter(list[kind])  # type: ignore[valid-type]  # known at run time
    return {one.value for one in checked(model, request.query_params.getlist(name), ("query", name))}


async def body_of(request: HttpRequest) -> Any:
    """The body as JSON; None if it is empty."""
    try:
        return await run_in_threadpool(json.loads, (await raw_body(request, _LARGEST_BODY)).decode() or "null")
    except json.JSONDecodeError as error:
        detail = {"type": "json_invalid", "loc": ["body", error.pos], "msg": "JSON decode error", "input": {}, "ctx": {"error": error.msg}}
        raise QueueError(422, [detail]) from error
    except (ValueError, RecursionError) as error:
        raise QueueError(400, "There was an error parsing the body") from error
