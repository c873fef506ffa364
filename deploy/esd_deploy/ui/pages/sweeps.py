"""Sweeps: runs with a tag in common, as one table."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from esd_build.data.errors import UsageError
from esd_deploy.records import rows
from esd_deploy.ui import events
from esd_deploy.ui.events import Watch
from esd_deploy.ui.pages.answers import desk, link, render
from esd_deploy.ui.shelf import Entry, Shelf

_MOST = 500
"""Rows of a sweep that a page shows; `esd-deploy list --table` shows all."""


@dataclass(frozen=True)
class Group:
    """The runs of one tag. `counts`: how many stand how."""

    tag: str
    counts: Mapping[str, int]
    parameters: Sequence[str]
    newest: str

    @property
    def number(self) -> int:
        return sum(self.counts.values())


def groups(shelf: Shelf) -> list[Group]:
    """Every tag, that of the newest run first."""
    found: dict[str, list[Entry]] = {}
    for one in shelf.everything().values():
        for tag in one.tags:
            found.setdefault(tag, []).append(one)
    return [_group(tag, runs) for tag, runs in found.items()]


def _group(tag: str, runs: Sequence[Entry]) -> Group:
    own = [name.removeprefix(rows.PARAMETER) for name in rows.own_columns(one.row for one in runs) if name.startswith(rows.PARAMETER)]
    return Group(tag, Counter(one.outcome for one in runs), own, str(runs[0].row["submitted"]))


async def sweeps(request: Request) -> Response:
    """All tags."""
    return render(request, "sweeps.html.j2", groups=await run_in_threadpool(groups, desk(request).shelf))


async def sweep(request: Request) -> Response:
    """The table of one tag."""
    tag = request.path_params["tag"]
    return render(request, "sweep.html.j2", **await run_in_threadpool(_sweep, request, tag))


def _of(shelf: Shelf, tag: str) -> dict[str, Entry]:
    return {run_id: one for run_id, one in shelf.everything().items() if tag in one.tags}


def _sweep(request: Request, tag: str) -> dict[str, Any]:
    found = _of(desk(request).shelf, tag)
    if not found:
        raise UsageError(f"no run here has the tag '{tag}'")
    own = rows.own_columns(one.row for one in found.values())
    members = sorted(found.values(), key=lambda one: _place(one, own))
    return {
        "tag": tag,
        "members": members[:_MOST],
        "number": len(members),
        "columns": own,
        "heads": [name.removeprefix(rows.PARAMETER).removeprefix(rows.METRIC) for name in own],
        "counts": Counter(one.outcome for one in members),
        "events": link(request, "sweep_events", {"seen": events.stamp(found)}, tag=tag),
    }


def _place(one: Entry, columns: Sequence[str]) -> tuple[object, ...]:
    """By parameters, numbers before words, then by age."""
    values = [one.row.get(name) for name in columns if name.startswith(rows.PARAMETER)]
    return (*((0, value, "") if isinstance(value, int | float) else (1, 0, str(value)) for value in values), one.id)


async def sweep_events(request: Request) -> Response:
    """What changes in a sweep."""
    work, tag = desk(request), request.path_params["tag"]
    watch = Watch(work.shelf, work.follower)
    stream = watch.many(request.query_params.get("seen", ""), lambda: _of(work.shelf, tag))
    return StreamingResponse(stream, media_type="text/event-stream")
