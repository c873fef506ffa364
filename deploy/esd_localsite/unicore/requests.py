"""What all routes have in common: JSON in, JSON out, lists cut to the page that was asked for."""

import asyncio
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from esd_localsite.description.fields import Json, read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.files.documents import Document

_PAGE = 200
_BODY_S = 60
"""For a body that is a document."""
_PIECE_S = 60
"""Between two pieces of a file."""
_LARGEST_BODY = 16 * 2**20


def answer(request: Request, document: Document, status: int = 200) -> JSONResponse:
    """A JSON reply, reduced to `?fields=a,b` or without `?fields=!a`."""
    wanted = [field for field in request.query_params.get("fields", "").split(",") if field]
    hidden = {field[1:] for field in wanted if field.startswith("!")}
    shown = {field for field in wanted if not field.startswith("!")}
    reduced = {key: value for key, value in document.items() if key not in hidden and (not shown or key in shown)}
    return JSONResponse(reduced, status)


async def raw_body(request: Request) -> bytes:
    """The request's body. Raises HTTPException 413 where it is too large to be anything but a file."""
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise HTTPException(413, f"The request body exceeds {_LARGEST_BODY} bytes")
    except TimeoutError:
        raise HTTPException(408, f"The request body did not come within {_BODY_S} seconds") from None
    return bytes(body)


async def prompt_pieces(request: Request) -> AsyncIterator[bytes]:
    """A file's bytes as they come. Raises HTTPException 408 where nothing more comes."""
    pieces = request.stream()
    while True:
        try:
            async with asyncio.timeout(_PIECE_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, f"Nothing more of the file came within {_PIECE_S} seconds") from None
        yield piece


async def json_body(request: Request) -> dict[str, Json]:
    """The request's JSON object. Raises HTTPException 400 where it is none."""
    body = await raw_body(request)
    try:
        return read_object(body)
    except DescriptionError as error:
        raise HTTPException(400, str(error)) from error


def listing(request: Request, document: Document, name: str) -> JSONResponse:
    """A list, cut to the part between `offset` and `offset + num`, with a link to the next part if there is one."""
    try:
        offset, number = int(request.query_params.get("offset", 0)), int(request.query_params.get("num", _PAGE))
    except ValueError:
        raise HTTPException(400, "offset and num must be whole numbers") from None
    offset, number = max(offset, 0), max(number, 0)
    everything, links = document[name], document["_links"]
    assert isinstance(everything, list)  # noqa: S101 - list_document makes it
    assert isinstance(links, dict)  # noqa: S101
    if offset + number < len(everything):
        following = request.url.include_query_params(offset=offset + number, num=number)
        links = {**links, "next": {"href": f"{links['self']['href']}?{following.query}"}}
    return answer(request, {**document, name: everything[offset : offset + number], "_links": links})


def wanted_tags(request: Request) -> frozenset[str]:
    """The tags that a list is to be reduced to."""
    return frozenset(filter(None, request.query_params.get("tags", "").split(",")))
