"""Sites, images and the verdicts about them; and what drifts between them. Nothing here asks a site, but for the list of its images."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from esd_build.data.errors import EsdError, ToolError, UsageError
from esd_deploy.errands import image_cache
from esd_deploy.plans.image import Memory
from esd_deploy.plans.limits import settled
from esd_deploy.records import record
from esd_deploy.runs.site import Site
from esd_deploy.sites.catalogue import Catalogue, read
from esd_deploy.sites.endpoint import resolve
from esd_deploy.sites.settings import settings
from esd_deploy.studies import drift
from esd_deploy.studies import page as drift_page
from esd_deploy.studies.probes import findings
from esd_deploy.ui.pages.answers import desk, form, render
from esd_deploy.ui.shelf import Shelf
from esd_deploy.validation.reports import page as validation_page
from esd_deploy.validation.reports.document import Report, collect

_STILL = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""For the self-contained pages that the commands write, too: their style is inside, and they have no program."""


async def sites(request: Request) -> Response:
    """All sites, each with the verdicts about images there."""
    return render(request, "sites.html.j2", **await run_in_threadpool(_sites, request))


def _sites(request: Request) -> dict[str, Any]:
    found, problems = [], []
    for known in Catalogue.find().sites:
        try:
            found.append((known, read(known)))
        except EsdError as error:
            problems.append(str(error))
    reports, wrong = _reports(request)
    places = validation_page.places(reports)
    return {
        "sites": found,
        "problems": [*problems, *wrong],
        "verdicts": {known.name: [place for place in places if place.site == known.name] for known, _ in found},
        "others": [place for place in places if place.site not in {known.name for known, _ in found}],
    }


def _reports(request: Request) -> tuple[tuple[Report, ...], list[str]]:
    """All validations that this machine knows; a damaged one is told."""
    try:
        return collect(desk(request).validations), []
    except ToolError as error:
        return (), [str(error)]


async def site(request: Request) -> Response:
    """One site's settings, as `esd-deploy site S` shows them."""
    return render(request, "site.html.j2", **await run_in_threadpool(_site, request.path_params["name"]))


def _site(name: str) -> dict[str, Any]:
    known = Catalogue.find().known(name)
    config, problem, endpoint = read(known), "", None
    try:
        endpoint = resolve(config)
    except (ToolError, UsageError) as error:
        problem = str(error)
    found = [(one.name, json.dumps(one.value), one.source, str(one.evidence or "")) for one in settings(config, known.file, endpoint)]
    return {"config": config, "settings": found, "problem": problem}


async def verdicts(request: Request) -> Response:
    """The page of all validations, as `esd-deploy report --html` writes it."""
    reports, wrong = await run_in_threadpool(_reports, request)
    if wrong or not reports:
        raise UsageError(wrong[0] if wrong else f"{desk(request).validations} has no validation; `esd-deploy validate` makes one")
    text = await run_in_threadpool(validation_page.page, reports)
    return HTMLResponse(text, headers={"Content-Security-Policy": _STILL})


async def images(request: Request) -> Response:
    """The images that are known by name, and where each was validated."""
    return render(request, "images.html.j2", **await run_in_threadpool(_images, request), asked="", cache=None, problem="")


async def images_at(request: Request) -> Response:
    """The same, with the images that a site keeps: asked there, as `esd-deploy images S` does."""
    asked = (await form(request)).get("site", "").strip()
    known = await run_in_threadpool(_images, request)
    try:
        cache, problem = await run_in_threadpool(_kept, asked), ""
    except EsdError as error:
        cache, problem = None, str(error)
    return render(request, "images.html.j2", **known, asked=asked, cache=cache, problem=problem)


def _kept(name: str) -> image_cache.ImageCache:
    place = Site.load(name)
    return image_cache.ask(place.connect(), settled(place.config), "list")


def _images(request: Request) -> dict[str, Any]:
    reports, wrong = _reports(request)
    catalogue = Catalogue.find()
    found = validation_page.places(reports)
    return {
        "words": catalogue.image_names,
        "names": Memory.of_user().names,
        "sites": catalogue.site_names,
        "rows": validation_page.rows(found),
        "places": sorted({place.site for place in found}),
        "wrong": wrong,
    }


async def drifts(request: Request) -> Response:
    """What the last probes of each stack said, side by side."""
    return HTMLResponse(
        await run_in_threadpool(drift_page.page, *await run_in_threadpool(_drift, desk(request).shelf)),
        headers={"Content-Security-Policy": _STILL},
    )


def _drift(shelf: Shelf) -> tuple[drift.Drift, Any]:
    latest: Mapping[tuple[str, str, str], str] = {
        (one.site, str(one.row["image"]), str(one.row["script"])): one.id
        for one in reversed(list(shelf.everything().values()))
        if drift.TAG in one.tags and one.ended
    }
    if not latest:
        raise UsageError(
            "no probe has run yet; `esd-deploy drift --sites A,B --image I` asks the sites, and this page compares their answers"
        )
    stacks = tuple(drift.stack(record.own(shelf.runs, run_id), shelf.runs / run_id) for run_id in latest.values())
    found = drift.judge(stacks, {})
    return found, findings(found.stacks)
