"""The form of `submit`: the same options, the same checks, the same messages."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from esd_build.data.errors import EsdError
from esd_deploy.records.record import RunRecord
from esd_deploy.ui import form as forms
from esd_deploy.ui.desk import Desk
from esd_deploy.ui.pages.answers import after, desk, form, render

FIRST = ("script", "arguments", "site", "image", "nodes", "ranks", "threads", "time", "param", "input", "inputs", "tag")
"""What the form shows at once; all other options are behind “More options”."""


async def show(request: Request) -> Response:
    """The empty form; with ?script=… and the like, filled in."""
    return _page(request, dict(request.query_params))


async def send(request: Request) -> Response:
    """Check and submit; what is wrong is told above the form, which keeps what was filled in."""
    given = await form(request)
    work = desk(request)
    notes: list[str] = []
    try:
        first, rest = await run_in_threadpool(_begun, work, given, notes)
    except EsdError as error:
        return _page(request, given, problem=str(error))
    if first is None:
        return _page(request, given, problem="nothing was submitted")
    threading.Thread(target=_drain, args=(work, rest, first, notes), name="esd-ui-submit", daemon=True).start()
    if given.get("param") or given.get("params") or given.get("count", "1") not in {"", "1"}:
        text = f"the first run is {first.id}; the others follow as they are submitted"
        return after(request, "\n".join([text, *notes]), "runs", query={"tag": first.tags[0]} if first.tags else {})
    return after(request, "\n".join(["submitted", *notes]), "run", run_id=first.id)


def _page(request: Request, given: dict[str, str], problem: str = "") -> Response:
    fields = desk(request).submit.fields
    values = {field.name: given.get(field.name, "" if given else field.default) for field in fields}
    groups: dict[str, list[Any]] = {
        "first": [field for field in fields if field.name in FIRST],
        "more": [field for field in fields if field.name not in FIRST],
    }
    open_more = any(values[field.name] not in {"", field.default} for field in groups["more"])
    return render(
        request,
        "submit.html.j2",
        status=HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
        groups=groups,
        values=values,
        problem=problem,
        open_more=open_more,
        working=str(Path.cwd()),
    )


def _begun(work: Desk, given: dict[str, str], notes: list[str]) -> tuple[RunRecord | None, Iterator[RunRecord]]:
    """The first run, submitted; and those that follow."""
    found = work.submit(forms.words(work.submit.fields, given), notes.append)
    return next(found, None), found


def _drain(work: Desk, rest: Iterator[RunRecord], first: RunRecord, notes: list[str]) -> None:
    """Submit the others; what stops them is kept where the list shows it."""
    try:
        for _ in rest:
            pass
    except EsdError as error:
        work.follower.tell(first.tags[0] if first.tags else first.id, str(error))
    else:
        notes.clear()
