"""What all routes have in common: JSON in, JSON out, lists cut to the page that was asked for."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from esd_localsite.description.fields import Json, read_object
from esd_localsite.description.resources import DescriptionError
from esd_localsite.files.documents import Document
from esd_localsite.unicore.answers import links

_PAGE = 200
_BODY_S = 60
"""Time limit for a body that is a document."""
_PIECE_S = 60
"""Time limit between two pieces of a file."""
_LARGEST_DOCUMENT = 2**20
"""Bytes. While it parses a document, the server answers nobody else: a large document could stop the site."""
_READ_AT_ONCE = 2**14
_LONG = 500
"""Entries of a folder."""


def answer(request: Request, document: Document, status: int = 200) -> JSONResponse:
    """A JSON reply, reduced to `?fields=a,b` or without `?fields=!a`."""
    wanted = [field for field in request.query_params.get("fields", "").split(",") if field]
    hidden = {field[1:] for field in wanted if field.startswith("!")}
    shown = {field for field in wanted if not field.startswith("!")}
    reduced = {key: value for key, value in document.items() if key not in hidden and (not shown or key in shown)}
    content = reduced.get("content")
    return (LongJson if isinstance(content, dict) and len(content) > _LONG else JSONResponse)(reduced, status)


class LongJson(JSONResponse):
    """A long document, written piece by piece: the usual encoder blocks the interpreter for everyone else until it is done."""

    def render(self, content: object) -> bytes:
        writer = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return "".join(writer.iterencode(content)).encode()


async def raw_body(request: Request, most: int = _LARGEST_DOCUMENT) -> bytes:
    """The request's body. Raises HTTPException 413 if it is too large for a document, 408 if it stops half-way."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError:
        raise HTTPException(408, f"The request body did not come within {_BODY_S} seconds") from None
    return bytes(body)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"The request body exceeds {most} bytes")


async def prompt_pieces(request: Request) -> AsyncIterator[bytes]:
    """A file's bytes as they arrive. Raises HTTPException 408 if nothing more arrives."""
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


async def json_body(request: Request, what: str = "Error") -> dict[str, Json]:
    """The request's JSON object. Raises HTTPException: 415 for another content type, 500 if it is not an object."""
    if not request.headers.get("content-type", "application/json").startswith("application/json"):
        raise HTTPException(415)
    body = await raw_body(request)
    try:
        return read_object(body) if len(body) <= _READ_AT_ONCE else await run_in_threadpool(read_object, body)
    except DescriptionError as error:
        raise HTTPException(500, f"{what}: {error}") from error


def listing(request: Request, name: str, urls: Sequence[str], own_url: str, page: int = _PAGE) -> JSONResponse:
    """A list: `{"jobs": [url, …]}`, the part between `offset` and `offset + num`, with links to what is before and after it."""
    try:
        offset, number = int(request.query_params.get("offset", 0)), int(request.query_params.get("num", page))
    except ValueError:
        raise HTTPException(404) from None
    if offset < 0 or number < 0:
        raise HTTPException(500, "Error: offset and num must be positive.")
    found = {"self": f"{own_url}?offset={offset}&num={number}"}
    if offset + number < len(urls):
        found["next"] = f"{own_url}?offset={offset + number}&num={min(number, len(urls) - number)}"
    if offset > 0:
        found["previous"] = f"{own_url}?offset={max(offset - number, 0)}&num={number}"
    return answer(request, {name: list(urls[offset : offset + number]), "_links": links(**found)})


def wanted_tags(request: Request) -> frozenset[str]:
    """The tags that filter a list."""
    return frozenset(filter(None, request.query_params.get("tags", "").replace(" ", ",").replace("+", ",").split(",")))
