"""Series of measurements: which there are, and the page that `bench` wrote for each. Nothing here measures."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from esd_deploy.bench.reports import listing
from esd_deploy.ui.pages.answers import desk, render

_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""Its style and figures are inside. It lies in a folder where any program may have changed it, so nothing in it runs or sends."""


async def benches(request: Request) -> Response:
    """All series of the folder."""
    folder = desk(request).bench
    found = await run_in_threadpool(listing.series, folder)
    return render(request, "bench.html.j2", found=found, place=str(folder.absolute()))


async def bench(request: Request) -> Response:
    """The page of one series, and no other file."""
    text = await run_in_threadpool(listing.page, desk(request).bench, request.path_params["name"])
    return HTMLResponse(text, headers={"Content-Security-Policy": _SANDBOX})
