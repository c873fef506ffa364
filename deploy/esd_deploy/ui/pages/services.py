"""Services: jobs that stay until somebody ends them."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from esd_build.data.errors import EsdError
from esd_deploy.records import record
from esd_deploy.services import nest_server, overview, standing
from esd_deploy.services.overview import Serving
from esd_deploy.ui import events
from esd_deploy.ui.desk import Desk
from esd_deploy.ui.events import Watch
from esd_deploy.ui.pages.answers import after, desk, link, render
from esd_deploy.ui.shelf import Entry, Shelf


def _of(shelf: Shelf) -> Mapping[str, Entry]:
    return {run_id: one for run_id, one in shelf.everything().items() if nest_server.TAG in one.tags}


async def services(request: Request) -> Response:
    """All services, those that serve first."""
    return render(request, "services.html.j2", **await run_in_threadpool(_services, request))


def _services(request: Request) -> dict[str, Any]:
    work = desk(request)
    entries, known = _of(work.shelf), {one.run.id: one for one in overview.services(work.runs, every=True)}
    found = sorted((known[run_id] for run_id in entries if run_id in known), key=lambda one: (not one.run.ended, one.run.id), reverse=True)
    seen = events.stamp(entries, _addresses(known.values()))
    return {"found": found, "entries": entries, "token": standing.TOKEN, "events": link(request, "services_events", {"seen": seen})}


def _addresses(found: Iterable[Serving]) -> str:
    """An address becomes known later than the state of its job."""
    return " ".join(one.address.url for one in found if one.address)


async def services_events(request: Request) -> Response:
    """What changes among the services."""
    work = desk(request)
    watch = Watch(work.shelf, work.follower)
    stream = watch.many(request.query_params.get("seen", ""), lambda: _of(work.shelf), lambda: _addresses(overview.services(work.runs)))
    return StreamingResponse(stream, media_type="text/event-stream")


async def stop(request: Request) -> Response:
    """End a service in order, as `esd-deploy stop` does: that takes as long as its data take to be saved, so nobody waits for it."""
    work, run_id = desk(request), request.path_params["run_id"]
    standing.require_service(await run_in_threadpool(record.own, work.runs, run_id))
    threading.Thread(target=_stopped, args=(work, run_id), name="esd-ui-stop", daemon=True).start()
    return after(request, f"{run_id}: it is told to save its data and to end; then its results are fetched", "services")


def _stopped(work: Desk, run_id: str) -> None:
    try:
        standing.stopped(work.follower.run(run_id))
    except EsdError as error:
        work.follower.tell(run_id, str(error))
