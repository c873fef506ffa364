"""Routes of the queue that concern no job: the service itself, collaboratories and their grants, tags, queue lengths, browser login."""

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, RedirectResponse, Response

from esd_localsite.identity.oidc import GrantError
from esd_localsite.nmpi.answers import Document, project_document, time_text
from esd_localsite.nmpi.asking import QueueError, base_of, identity_of, queue_of
from esd_localsite.nmpi.platforms import QUEUES
from esd_localsite.nmpi.queue import COLLABS
from esd_localsite.nmpi.records import QueueStatus
from esd_localsite.unicore.endpoint import endpoint_of

_SINCE = datetime(2026, 1, 1, tzinfo=UTC).date()
NOT_LOGGED_IN = "Not authenticated"


def about(request: HttpRequest) -> Response:
    """What service this is."""
    issuer = {"server": endpoint_of(request).config.oidc_url, "client-id": "esd-deploy", "collaboratory": f"{base_of(request)}/"}
    return JSONResponse(
        {
            "about": "Neuromorphic job queue of a local site",
            "version": "3",
            "status": "ok",
            "links": {"documentation": "/docs"},
            "authentication": issuer,
        }
    )


def require_member(collabs: list[str]) -> None:
    """Raises QueueError if one of the collaboratories does not exist."""
    for collab in collabs:
        if collab not in COLLABS:
            raise QueueError(403, f"You do not have permission to view collab {collab}")


def _projects() -> list[Document]:
    return [project_document(name, str(uuid.uuid5(uuid.NAMESPACE_URL, name)), _SINCE, quota) for name, quota in COLLABS.items()]


def projects(request: HttpRequest) -> Response:
    """The grants of computing time."""
    identity_of(request)
    wanted, states = request.query_params.getlist("collab"), request.query_params.getlist("status")
    require_member(wanted)
    found = [one for one in _projects() if (not wanted or one["collab"] in wanted) and (not states or one["status"] in states)]
    return JSONResponse(found)


def project(request: HttpRequest) -> Response:
    """One grant."""
    identity_of(request, missing=NOT_LOGGED_IN)
    number = request.path_params["project"]
    for one in _projects():
        if one["id"] == number:
            return JSONResponse(one)
    raise QueueError(404, f"There is no project with id {number}")


def collabs(request: HttpRequest) -> Response:
    """Collaboratories that have a grant."""
    identity_of(request, missing=NOT_LOGGED_IN)
    return JSONResponse(sorted(COLLABS))


def tags(request: HttpRequest) -> Response:
    """The tags of a collaboratory's jobs."""
    identity_of(request, missing=NOT_LOGGED_IN)
    collab = request.query_params.get("collab")
    if not collab:
        raise QueueError(403, "Please specify a collab")
    return JSONResponse(sorted({tag for record in queue_of(request).shelf if record.request.collab == collab for tag in record.tags}))


def queue_length(request: HttpRequest) -> Response:
    """How many jobs run and wait; open to everyone."""
    queue = queue_of(request)
    found = Counter((record.request.hardware_platform, queue.status(record)) for record in queue.shelf)
    states = (QueueStatus.RUNNING, QueueStatus.SUBMITTED)
    return JSONResponse([{"queue_name": name, **{state.value: found[name, state] for state in states}} for name in QUEUES])


def for_machines(_request: HttpRequest) -> Response:
    """The routes by which machines take jobs and report; unused here, because the site runs the jobs itself."""
    raise QueueError(401, NOT_LOGGED_IN)


def login(request: HttpRequest) -> Response:
    """Send a user who logs in by browser to the issuer."""
    target = urlencode({"redirect_uri": f"{base_of(request)}/auth"})
    return RedirectResponse(f"{endpoint_of(request).config.oidc_url}/auth?{target}", 302)


def logged_in(request: HttpRequest) -> Response:
    """The user returns from the issuer with a code."""
    issuer = endpoint_of(request).issuer
    try:
        tokens = issuer.redeem(request.query_params.get("code", ""))
    except GrantError as error:
        raise QueueError(401, str(error)) from error
    name = issuer.user_of(tokens.access)
    person: Document = {"name": name, "user_id_v1": None, "username": name, "given_name": name, "family_name": "", "team": [], "group": []}
    ends = datetime.now(UTC) + timedelta(seconds=tokens.lifetime)
    return JSONResponse({"access_token": tokens.access, "token_expires": time_text(ends), "user": person})
