"""All addresses of the page."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from threading import Thread

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from esd_build.data.errors import EsdError
from esd_deploy.ui.desk import Desk
from esd_deploy.ui.gate import Gate, Keys
from esd_deploy.ui.pages import bench as bench_pages
from esd_deploy.ui.pages import runs as run_pages
from esd_deploy.ui.pages import services as service_pages
from esd_deploy.ui.pages import sites as site_pages
from esd_deploy.ui.pages import submit as submit_pages
from esd_deploy.ui.pages import sweeps as sweep_pages
from esd_deploy.ui.pages.answers import failed, link

_STATIC = Path(__file__).parent / "static"


def app(desk: Desk, keys: Keys) -> ASGIApp:
    """The page behind its gate."""
    inner = Starlette(
        routes=[Mount(keys.prefix, routes=_routes())],
        exception_handlers={EsdError: failed, HTTPException: failed},
        lifespan=_life(desk),
    )
    inner.state.desk = desk
    return Gate(inner, keys)


def _routes() -> list[Route | Mount]:
    get, post = ["GET"], ["POST"]
    return [
        Route("/", _home, methods=get),
        Route("/runs", run_pages.runs, methods=get, name="runs"),
        Route("/runs/events", run_pages.runs_events, methods=get, name="runs_events"),
        Route("/run/{run_id}", run_pages.run, methods=get, name="run"),
        Route("/run/{run_id}/events", run_pages.run_events, methods=get, name="run_events"),
        Route("/run/{run_id}/file/{path:path}", run_pages.file, methods=get, name="file"),
        Route("/run/{run_id}/cancel", run_pages.cancel, methods=post, name="cancel"),
        Route("/run/{run_id}/fetch", run_pages.fetch, methods=post, name="fetch"),
        Route("/run/{run_id}/rerun", run_pages.rerun, methods=post, name="rerun"),
        Route("/sweeps", sweep_pages.sweeps, methods=get, name="sweeps"),
        Route("/sweep/{tag:path}/events", sweep_pages.sweep_events, methods=get, name="sweep_events"),
        Route("/sweep/{tag:path}", sweep_pages.sweep, methods=get, name="sweep"),
        Route("/services", service_pages.services, methods=get, name="services"),
        Route("/services/events", service_pages.services_events, methods=get, name="services_events"),
        Route("/run/{run_id}/stop", service_pages.stop, methods=post, name="stop"),
        Route("/sites", site_pages.sites, methods=get, name="sites"),
        Route("/site/{name}", site_pages.site, methods=get, name="site"),
        Route("/verdicts", site_pages.verdicts, methods=get, name="verdicts"),
        Route("/images", site_pages.images, methods=get, name="images"),
        Route("/images", site_pages.images_at, methods=post, name="images_at"),
        Route("/drift", site_pages.drifts, methods=get, name="drift"),
        Route("/bench", bench_pages.benches, methods=get, name="benches"),
        Route("/bench/{name}", bench_pages.bench, methods=get, name="bench"),
        Route("/submit", submit_pages.show, methods=get, name="submit"),
        Route("/submit", submit_pages.send, methods=post, name="send"),
        Mount("/static", StaticFiles(directory=_STATIC), name="static"),
    ]


async def _home(request: Request) -> Response:
    return RedirectResponse(link(request, "runs"))


def _life(desk: Desk) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def life(_app: Starlette) -> AsyncIterator[None]:
        desk.follower.start()
        Thread(target=desk.shelf.everything, name="esd-ui-shelf", daemon=True).start()  # the first filter need not wait for all records
        yield
        desk.follower.stop()

    return life
