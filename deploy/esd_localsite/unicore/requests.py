"""What all routes have in common: JSON in, JSON out, lists cut to the page that was asked for."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from esd_localsite.unicore.answers import Document
from esd_localsite.unicore.description import Json, read_object
from esd_localsite.unicore.resources import DescriptionError

_PAGE = 200
_LARGEST_BODY = 16 * 2**20


def answer(request: Request, document: Document, status: int = 200) -> JSONResponse:
    """A JSON reply, reduced to `?fields=a,b` or without `?fields=!a`."""
    wanted = [field for field in request.query_params.get("fields", "").split(",") if field]
    hidden = {field[1:] for field in wanted if field.startswith("!")}
    shown = {field for field in wanted if not field.startswith("!")}
    reduced = {key: value for key, value in document.items() if key not in hidden and (not shown or key in shown)}
    return JSONResponse(reduced, status)


async def json_body(request: Request) -> dict[str, Json]:
    """The request's JSON object. Raises HTTPException 400 (not JSON) and 413 (too large to be a description)."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise HTTPException(413, f"The request body exceeds {_LARGEST_BODY} bytes")
    try:
        return read_object(bytes(body))
    except DescriptionError as error:
        raise HTTPException(400, str(error)) from error


def page(request: Request, everything: Sequence[str]) -> Sequence[str]:
    """The part of a list between `offset` and `offset + num`."""
    try:
        offset, number = int(request.query_params.get("offset", 0)), int(request.query_params.get("num", _PAGE))
    except ValueError:
        raise HTTPException(400, "offset and num must be whole numbers") from None
    return everything[max(offset, 0) : max(offset, 0) + max(number, 0)]


def wanted_tags(request: Request) -> frozenset[str]:
    """The tags that a list is to be reduced to."""
    return frozenset(filter(None, request.query_params.get("tags", "").split(",")))
