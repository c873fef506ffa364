"""Routes about jobs."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esd_localsite.description.description import JobType, tags_of
from esd_localsite.jobs.creation import Origin
from esd_localsite.jobs.life import Aborted, Event, Phase, Restarted, Started
from esd_localsite.jobs.records import description_of
from esd_localsite.unicore.answers import job_document, list_document
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, job_of, preferences
from esd_localsite.unicore.requests import answer, json_body, listing, wanted_tags

_ACTIONS: dict[str, Event] = {"start": Started(), "abort": Aborted(), "restart": Restarted()}


def list_jobs(request: Request) -> Response:
    """The caller's jobs, newest first; with `tags`, those that bear all of them."""
    endpoint, owner, tags = endpoint_of(request), identity_of(request).name, wanted_tags(request)
    own = [r for r in reversed(tuple(endpoint.engine.store)) if r.owner == owner and r.service == "unicore" and tags <= set(r.tags)]
    urls = [endpoint.urls.of("jobs", record.id) for record in own]
    return listing(request, list_document("jobs", urls, endpoint.urls.of("jobs")), "jobs")


async def create_job(request: Request) -> Response:
    """Any JSON object makes a job; what is wrong with it shows in the job (facts, "Easily got wrong", 5)."""
    endpoint, identity = endpoint_of(request), identity_of(request)
    account_of_caller(request)  # refuses a group that is not the caller's
    group = preferences(request).get("group")
    fields = await json_body(request)
    record = await run_in_threadpool(endpoint.engine.create, identity, fields, Origin(group=group))
    return Response(status_code=201, headers={"Location": endpoint.urls.of("jobs", record.id)})


async def create_task(request: Request) -> Response:
    """A task inside of an allocation."""
    endpoint, allocation = endpoint_of(request), job_of(request, request.path_params["job"])
    if description_of(allocation).job_type is not JobType.ALLOCATE or allocation.state.phase is not Phase.RUNNING:
        raise HTTPException(500, f"Job {allocation.id} is no allocation, or it is not available")
    origin = Origin(group=allocation.group, allocation=allocation.state.batch_id)
    record = await run_in_threadpool(endpoint.engine.create, identity_of(request), await json_body(request), origin)
    return Response(status_code=201, headers={"Location": endpoint.urls.of("jobs", record.id)})


def show_job(request: Request) -> Response:
    """A job's properties."""
    record = job_of(request, request.path_params["job"])
    return answer(request, job_document(record, description_of(record), endpoint_of(request).config))


async def change_job(request: Request) -> Response:
    """Only the tags can be changed."""
    record, properties = job_of(request, request.path_params["job"]), await json_body(request)
    if "tags" in properties:
        await run_in_threadpool(endpoint_of(request).engine.retag, record.id, tags_of({"Tags": properties["tags"]}))
    return answer(request, {name: "OK" if name == "tags" else "Not modifiable" for name in properties})


def delete_job(request: Request) -> Response:
    """End the job and destroy its directory."""
    endpoint_of(request).engine.destroy(job_of(request, request.path_params["job"]).id)
    return Response(status_code=204)


def job_details(request: Request) -> Response:
    """What the batch system says, word by word."""
    record = job_of(request, request.path_params["job"])
    return answer(request, dict(endpoint_of(request).engine.details(record)))


def job_submitted(request: Request) -> Response:
    """The description as it was sent."""
    return answer(request, dict(job_of(request, request.path_params["job"]).submitted))


def job_action(request: Request) -> Response:
    """Start, abort or restart."""
    event = _ACTIONS.get(request.path_params["action"])
    record = job_of(request, request.path_params["job"])
    if event is None:
        raise HTTPException(404, f"A job has no action '{request.path_params['action']}'")
    endpoint_of(request).engine.apply(record.id, event)
    return Response(status_code=204)


def routes() -> list[Route]:
    """All routes of this module."""
    job = "/rest/core/jobs/{job}"
    return [
        Route("/rest/core/jobs", list_jobs),
        Route("/rest/core/jobs", create_job, methods=["POST"]),
        Route(job, show_job),
        Route(job, create_task, methods=["POST"]),
        Route(job, change_job, methods=["PUT"]),
        Route(job, delete_job, methods=["DELETE"]),
        Route(f"{job}/details", job_details),
        Route(f"{job}/submitted", job_submitted),
        Route(f"{job}/actions/{{action}}", job_action, methods=["POST"]),
    ]
