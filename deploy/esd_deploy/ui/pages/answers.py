"""Answers to a browser: pages from templates, in which everything is escaped; and forms read with a limit."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from esd_build.data.errors import ConfigError, UsageError
from esd_build.net.answers import printable
from esd_deploy.display.templates import templates
from esd_deploy.ui.desk import Desk
from esd_deploy.validation.reports.page import code

_LARGEST_FORM = 1024**2
_MOST_FIELDS = 500


def _plain(value: object) -> object:
    """Without characters that turn the order of writing around; markup is ours already."""
    return value if isinstance(value, Markup) else "" if value is None else printable(value, 1_000_000)


def _size(number: int) -> str:
    return f"{number:,} B" if number < 1000 else f"{number / 1e3:,.0f} kB" if number < 1_000_000 else f"{number / 1e6:,.1f} MB"


def _number(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value


def _time(text: object) -> str:
    """As in a record (2026-11-29T12:00:00Z), for people."""
    return str(text or "").replace("T", " ").removesuffix("Z")


_TEMPLATES = templates("esd_deploy.ui", finalize=_plain)
_TEMPLATES.filters |= {"size": _size, "number": _number, "time": _time, "code": code}


def desk(request: Request) -> Desk:
    """What the pages work with."""
    found: Desk = request.app.state.desk
    return found


def link(request: Request, page: str, query: Mapping[str, str] | None = None, **parts: str) -> str:
    """The address of a page, whatever is in the names."""
    place = request.app.url_path_for(page, **{name: quote(part, safe="/") for name, part in parts.items()})
    return f"{place}?{urlencode(query)}" if query else str(place)


def render(request: Request, template: str, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """A page."""

    def to(page: str, query: Mapping[str, str] | None = None, **parts: str) -> str:
        return link(request, page, query, **parts)

    work = desk(request)
    values = {"told": work.told(request.query_params), **values}
    text = _TEMPLATES.get_template(template).render(to=to, here=request.url.path, folder=str(Path(work.runs).absolute()), **values)
    return HTMLResponse(text, status)


def after(request: Request, text: str, page: str, *, good: bool = True, query: Mapping[str, str] | None = None, **parts: str) -> Response:
    """Where a browser goes after something was done, with a message about it."""
    note = desk(request).note(text, good=good)
    return RedirectResponse(link(request, page, {**(query or {}), "note": note}, **parts), HTTPStatus.SEE_OTHER)


async def form(request: Request) -> dict[str, str]:
    """The fields of a form, of each name the last one. Raises UsageError for one that is too large, or none."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise UsageError("expected the fields of a form")
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > _LARGEST_FORM:
            raise UsageError(f"the form has more than {_LARGEST_FORM // 1024} KiB; give long values in a file")
    try:
        return dict(parse_qsl(content.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError as error:
        raise UsageError(f"the form cannot be read: {error}") from error


async def failed(request: Request, error: Exception) -> Response:
    """An expected error becomes a page with its message."""
    if isinstance(error, HTTPException):
        return render(request, "problem.html.j2", status=error.status_code, text=f"{request.url.path}: {error.detail}")
    status = HTTPStatus.BAD_REQUEST if isinstance(error, UsageError | ConfigError) else HTTPStatus.BAD_GATEWAY
    return render(request, "problem.html.j2", status=status, text=str(error))
