"""Routes about jobs."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esd_localsite.description.description import JobType, tags_of
from esd_localsite.description.fields import Json
from esd_localsite.jobs.batch import BatchError
from esd_localsite.jobs.creation import Origin
from esd_localsite.jobs.engine import Engine
from esd_localsite.records.life import Aborted, Event, Phase, Restarted, Started
from esd_localsite.records.records import description_of
from esd_localsite.unicore.answers import SITE
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, job_of, owner_of, preferences
from esd_localsite.unicore.requests import answer, json_body, listing, wanted_tags
from esd_localsite.unicore.site_routes import NOT_MODIFIABLE, site_of
from esd_localsite.unicore.tunnels import SwitchedAnswer, connected_as, wants_tunnel
from esd_localsite.unicore.work_answers import NO_BATCH_ID, batch_system_id, job_document

_ACTIONS: dict[str, Event] = {"start": Started(), "abort": Aborted(), "restart": Restarted()}
_FAILED = "Could not submit job"
_NO_TUNNEL = "Could not connect to backend service"
_NUMBER = re.compile(r"-?\d{1,9}")
_LOGIN_NODE = "127.0.0.1"


def list_jobs(request: Request) -> Response:
    """The caller's jobs, oldest first; with `tags`, those that have all of them."""
    endpoint, owner, tags = endpoint_of(request), owner_of(request), wanted_tags(request)
    own = [r for r in endpoint.engine.store if r.owner == owner and r.service == "unicore" and tags <= set(r.tags)]
    return listing(request, "jobs", [endpoint.urls.of("jobs", record.id) for record in own], endpoint.urls.of("jobs", ""))


async def create_job(request: Request) -> Response:
    """Any JSON object makes a job. As in UNICORE, mistakes show in the job."""
    return await _create(request, SITE)


async def create_job_at_site(request: Request) -> Response:
    """The same, at one of the caller's target systems."""
    return await _create(request, site_of(request).id)


async def create_task(request: Request) -> Response:
    """A task inside of an allocation."""
    endpoint, allocation = endpoint_of(request), job_of(request, request.path_params["job"])
    if description_of(allocation).job_type is not JobType.ALLOCATE or allocation.state.phase is not Phase.RUNNING:
        raise HTTPException(500, "Could not submit task into allocation: This job is not an allocation, or it is not active.")
    origin = Origin(group=allocation.group, allocation=allocation.state.batch_id, site=allocation.site)
    record = await run_in_threadpool(endpoint.engine.create, identity_of(request), await json_body(request, _FAILED), origin)
    return Response(status_code=201, headers={"Location": endpoint.urls.of("jobs", record.id)})


def show_job(request: Request) -> Response:
    """A job's properties."""
    record = job_of(request, request.path_params["job"])
    return answer(request, job_document(record, description_of(record), endpoint_of(request).config))


async def change_job(request: Request) -> Response:
    """Its tags, and the time at which it is removed, can be changed."""
    record, properties = job_of(request, request.path_params["job"]), await json_body(request)
    said = {}
    for name, value in properties.items():
        change = _change(endpoint_of(request).engine, record.id, name, value)
        if change:
            await run_in_threadpool(change)
        said[name] = "OK" if change else NOT_MODIFIABLE
    return answer(request, {**said})


def delete_job(request: Request) -> Response:
    """End the job and destroy its directory."""
    endpoint_of(request).engine.destroy(job_of(request, request.path_params["job"]).id)
    return Response(status_code=204)


def job_details(request: Request) -> Response:
    """What the batch system says, verbatim, while it remembers the job."""
    record = job_of(request, request.path_params["job"])
    try:
        return answer(request, {**endpoint_of(request).engine.details(record)})
    except BatchError as error:
        raise HTTPException(500, f"Could not get job details: {error}") from error


def job_submitted(request: Request) -> Response:
    """The description as the client sent it."""
    return answer(request, dict(job_of(request, request.path_params["job"]).submitted))


def job_action(request: Request) -> Response:
    """Start, abort or restart."""
    action = request.path_params["action"]
    event = _ACTIONS.get(action)
    record = job_of(request, request.path_params["job"])
    if event is None:
        raise HTTPException(500, f"Error handling action: '{action}': No such action: <{action}>")
    endpoint_of(request).engine.apply(record.id, event)
    return Response(status_code=204, media_type="application/json")


async def forward_port(request: Request) -> Response | SwitchedAnswer:
    """A tunnel to any port that the login node reaches, as with UNICORE. A port that refuses is not an error: the tunnel ends at once."""
    record, endpoint = job_of(request, request.path_params["job"]), endpoint_of(request)
    if not wants_tunnel(request.scope):
        return answer(request, {"status": "Nothing to see here yet."})
    host, port = request.query_params.get("host", "localhost"), request.query_params.get("port")
    if batch_system_id(record) == NO_BATCH_ID:
        raise HTTPException(500, f"{_NO_TUNNEL}: Job BSSID is null - application is not (yet?) running.")
    if port is None or not _NUMBER.fullmatch(port):
        reason = "Port cannot be null" if port is None else f'For input string: "{port}"'
        raise HTTPException(500, f"{_NO_TUNNEL}: {reason}")
    if (node := request.query_params.get("loginNode", _LOGIN_NODE)) != _LOGIN_NODE:
        raise HTTPException(500, f"{_NO_TUNNEL}: No TSI is configured at '{node}'")
    if not endpoint.tunnels.has_room(record.owner):
        raise HTTPException(429, f"{_NO_TUNNEL}: too many tunnels are open")
    far = partial(connected_as, endpoint.engine.workspace(record).account, host, int(port))
    return SwitchedAnswer(endpoint.tunnels, record.owner, far)


def routes() -> list[Route]:
    """All routes of this module."""
    job = "/rest/core/jobs/{job}"
    return [
        Route("/rest/core/jobs", list_jobs),
        Route("/rest/core/jobs", create_job, methods=["POST"]),
        Route("/rest/core/sites/{site}", create_job_at_site, methods=["POST"]),
        Route(job, show_job),
        Route(job, create_task, methods=["POST"]),
        Route(job, change_job, methods=["PUT"]),
        Route(job, delete_job, methods=["DELETE"]),
        Route(f"{job}/details", job_details),
        Route(f"{job}/submitted", job_submitted),
        Route(f"{job}/forward-port", forward_port),
        Route(f"{job}/actions/{{action}}", job_action, methods=["POST"]),
    ]


async def _create(request: Request, site: str) -> Response:
    endpoint, identity = endpoint_of(request), identity_of(request)
    account_of_caller(request)  # refuses a group of which the caller is not a member
    group = preferences(request).get("group")
    fields = await json_body(request, _FAILED)
    record = await run_in_threadpool(endpoint.engine.create, identity, fields, Origin(group=group, site=site))
    return Response(status_code=201, headers={"Location": endpoint.urls.of("jobs", record.id)})


def _change(engine: Engine, job_id: str, name: str, value: Json) -> Callable[[], None] | None:
    """The change that a client asks for; None for what no client may change, and for what is no time."""
    if name == "tags":
        return partial(engine.change, job_id, tags=tags_of({"Tags": value}))
    if name == "terminationTime":
        try:
            return partial(engine.change, job_id, terminates=datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%S%z"))
        except ValueError:
            return None
    return None
