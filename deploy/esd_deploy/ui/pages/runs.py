"""Runs: all of them, one of them, its files, and what can be done with it."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from esd_build.data.errors import EsdError, ToolError
from esd_deploy.plans import paths
from esd_deploy.records import outcome, record
from esd_deploy.records.record import RunRecord
from esd_deploy.runs.run import cancelled
from esd_deploy.services import nest_server
from esd_deploy.ui import events, results
from esd_deploy.ui.events import MOST_TEXT, STREAMS, Watch
from esd_deploy.ui.pages.answers import after, desk, link, render
from esd_deploy.ui.shelf import Entry, Shelf

PAGE = 50
_FILTERS = ("tag", "site", "outcome", "text")
OUTCOMES = ("active", "succeeded", "failed", "prepared", "unreadable")
_STREAM = "text/event-stream"


def chosen(shelf: Shelf, query: Mapping[str, str]) -> tuple[dict[str, Entry], int, int]:
    """The runs of one page of the list, its number, and how many fit. Without a filter, only those of the page are read."""
    page = max(1, int(query["page"])) if query.get("page", "").isdecimal() and len(query["page"]) < 9 else 1
    wanted = {name: query[name] for name in _FILTERS if query.get(name)}
    begin = (page - 1) * PAGE
    if not wanted:
        ids = shelf.ids()
        return {run_id: shelf.entry(run_id) for run_id in ids[begin : begin + PAGE]}, page, len(ids)
    fitting = {run_id: one for run_id, one in shelf.everything().items() if one.fits(**wanted)}
    return dict(islice(fitting.items(), begin, begin + PAGE)), page, len(fitting)


async def runs(request: Request) -> Response:
    """The list."""
    work, query = desk(request), request.query_params
    shown, page, number = await run_in_threadpool(chosen, work.shelf, query)
    kept = {name: query.get(name, "") for name in _FILTERS}
    narrowed = {name: value for name, value in kept.items() if value}
    pages = max(1, -(-number // PAGE))
    return render(
        request,
        "runs.html.j2",
        entries=list(shown.values()),
        page=page,
        pages=pages,
        number=number,
        kept=kept,
        narrowed=narrowed,
        outcomes=OUTCOMES,
        events=link(request, "runs_events", {**dict(query), "seen": events.stamp(shown)}),
    )


async def runs_events(request: Request) -> Response:
    """What changes in the list."""
    work, query = desk(request), request.query_params
    watch = Watch(work.shelf, work.follower)
    return StreamingResponse(watch.many(query.get("seen", ""), lambda: chosen(work.shelf, query)[0]), media_type=_STREAM)


async def run(request: Request) -> Response:
    """One run."""
    return render(request, "run.html.j2", **await run_in_threadpool(_run, request, request.path_params["run_id"]))


def _run(request: Request, run_id: str) -> dict[str, Any]:
    work = desk(request)
    known = record.own(work.runs, run_id)
    entry, doing = work.shelf.entry(run_id), work.follower.of_run(run_id)
    here = {one.path for one in known.files}
    live = entry.active
    query = {"seen": events.stamp({run_id: entry}, doing)}
    return {
        "run": known,
        "entry": entry,
        "doing": doing,
        "rows": outcome.rows(known),
        "why": outcome.failure(known, work.runs / run_id) if known.ended and not known.succeeded else "",
        "live": live,
        "serves": nest_server.TAG in known.tags,
        "logs": {} if live else {stream: _log(work.runs / run_id, stream) for stream in STREAMS if stream in here},
        "streams": STREAMS,
        "pictures": [one for one in known.files if results.is_picture(one.path, one.size)],
        "file_name": record.FILE_NAME,
        "events": link(request, "run_events", query, run_id=run_id) if live or doing or not known.complete else "",
    }


def _log(folder: Path, stream: str) -> str:
    """The end of what a run printed."""
    try:
        with paths.opened(folder, stream) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_TEXT))
            text = events.shown(file.read())
    except (OSError, ToolError) as error:
        return f"(cannot be read: {error})"
    return text if size <= MOST_TEXT else f"(the last {MOST_TEXT // 1024} KiB of {size:,} bytes)\n{text}"


async def run_events(request: Request) -> Response:
    """What changes in one run, and what it prints."""
    work, query = desk(request), request.query_params
    mark = request.headers.get("last-event-id", query.get("mark", ""))
    watch = Watch(work.shelf, work.follower)
    return StreamingResponse(watch.one(request.path_params["run_id"], query.get("seen", ""), mark), media_type=_STREAM)


async def file(request: Request) -> Response:
    """A file of a run."""
    return await run_in_threadpool(results.answer, desk(request).shelf, request.path_params["run_id"], request.path_params["path"])


async def cancel(request: Request) -> Response:
    """End a run at its site."""
    return await _acted(request, _cancelled)


async def fetch(request: Request) -> Response:
    """Fetch a run's results so far."""
    return await _acted(request, _fetched)


async def rerun(request: Request) -> Response:
    """Submit a run again, as its record says."""
    notes: list[str] = []
    run_id = request.path_params["run_id"]
    try:
        again = await run_in_threadpool(desk(request).rerun, run_id, notes.append)
    except EsdError as error:
        return after(request, str(error), "run", good=False, run_id=run_id)
    return after(request, "\n".join([f"submitted: it repeats {run_id}", *notes]), "run", run_id=again)


async def _acted(request: Request, act: Any) -> Response:
    run_id = request.path_params["run_id"]
    try:
        text = await run_in_threadpool(act, request, run_id)
    except EsdError as error:
        return after(request, str(error), "run", good=False, run_id=run_id)
    return after(request, text, "run", run_id=run_id)


def _cancelled(request: Request, run_id: str) -> str:
    return cancelled(desk(request).follower.run(run_id), "“Fetch results” fetches its results so far")


def _fetched(request: Request, run_id: str) -> str:
    work = desk(request)
    work.follower.bring(run_id)
    known: RunRecord = record.own(work.runs, run_id)
    lost = f"; {len(known.lost)} could not be fetched, see below" if known.lost else ""
    return f"{len(known.files)} files are here{lost}"
