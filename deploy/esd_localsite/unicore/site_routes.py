"""Routes about the site itself: core, registry, factories, and the lists that are empty here."""

import math
import uuid
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from esd_localsite.description.applications import APPLICATIONS
from esd_localsite.description.description import tags_of
from esd_localsite.files.documents import Document
from esd_localsite.identity.users import Identity
from esd_localsite.jobs.records import SiteRecord
from esd_localsite.unicore.answers import (
    ANONYMOUS,
    FACTORY,
    SITE,
    application_document,
    client_document,
    core_document,
    factory_document,
    list_document,
    registry_document,
    site_document,
)
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, preferences
from esd_localsite.unicore.requests import answer, json_body, listing, wanted_tags

_LONGEST_TOKEN_S = 365 * 24 * 3600
_EMPTY_LISTS = {
    "reservations": "reservations",
    "storagefactories": "storagefactories",
    "tasks": "tasks",
}


def core(request: Request) -> Response:
    """The site, and who the caller is at it."""
    endpoint = endpoint_of(request)
    note = endpoint.engine.batch.note
    return answer(request, core_document(endpoint.config, _client(request), endpoint.up_since, datetime.now(UTC), note))


def token(request: Request) -> Response:
    """A signed token for the caller."""
    endpoint, asked = endpoint_of(request), request.query_params
    try:
        lifetime = float(asked.get("lifetime", endpoint.config.times.token_seconds))
    except ValueError:
        lifetime = math.nan
    if not 0 < lifetime <= _LONGEST_TOKEN_S:
        raise HTTPException(400, f"lifetime must be a number of seconds, at most {_LONGEST_TOKEN_S}")
    renewable, limited = (asked.get(name, "").lower() == "true" for name in ("renewable", "limited"))
    return PlainTextResponse(endpoint.gate.issue_token(identity_of(request), lifetime, renewable=renewable, limited=limited))


def registry(request: Request) -> Response:
    """The registry: this site and nothing else."""
    return answer(request, registry_document(endpoint_of(request).urls))


def workflows(request: Request) -> Response:
    """There is no workflow service; the client only asks it who it is."""
    return answer(request, {"client": _client(request), "workflows": []})


def factories(request: Request) -> Response:
    """The list of target system factories: one."""
    identity_of(request)
    urls = endpoint_of(request).urls
    return answer(request, list_document("factories", [urls.of("factories", FACTORY)], urls.of("factories")))


def factory(request: Request) -> Response:
    """The partitions and their limits."""
    identity_of(request)
    return answer(request, factory_document(endpoint_of(request).config))


def application(request: Request) -> Response:
    """One application."""
    identity_of(request)
    key = request.path_params["application"]
    for known in APPLICATIONS:
        if known.key == key:
            return answer(request, application_document(known, endpoint_of(request).config))
    raise HTTPException(404, f"No such application: {key}")


def sites(request: Request) -> Response:
    """The target systems: the default one, and those that the caller made."""
    endpoint, owner, tags = endpoint_of(request), identity_of(request).name, wanted_tags(request)
    ids = [*([] if tags else [SITE]), *(record.id for record in endpoint.sites if record.owner == owner and tags <= set(record.tags))]
    return listing(request, list_document("sites", (endpoint.urls.of("sites", site) for site in ids), endpoint.urls.of("sites")), "sites")


async def create_site(request: Request) -> Response:
    """A target system of the caller's own."""
    endpoint, identity, fields = endpoint_of(request), identity_of(request), await json_body(request)
    record = SiteRecord(id=str(uuid.uuid4()), owner=identity.name, created=datetime.now(UTC), tags=tags_of(fields))
    await run_in_threadpool(endpoint.sites.save, record)
    return Response(status_code=201, headers={"Location": endpoint.urls.of("sites", record.id)})


def site(request: Request) -> Response:
    """A target system."""
    site_id = request.path_params["site"]
    tags = () if site_id == SITE and identity_of(request) else _own_site(request).tags
    return answer(request, site_document(endpoint_of(request).config, site_id, tags))


async def change_site(request: Request) -> Response:
    """Only the tags can be changed."""
    record, properties = _own_site(request), await json_body(request)
    if "tags" in properties:
        changed = record.model_copy(update={"tags": tags_of({"Tags": properties["tags"]})})
        await run_in_threadpool(endpoint_of(request).sites.save, changed)
    return answer(request, {name: "OK" if name == "tags" else "Not modifiable" for name in properties})


def delete_site(request: Request) -> Response:
    """Forget a target system; its jobs are the site's."""
    endpoint_of(request).sites.remove(_own_site(request).id)
    return Response(status_code=204)


def empty_list(request: Request) -> Response:
    """A kind of resource of which this site has none."""
    identity_of(request)
    kind = request.url.path.rpartition("/")[2]
    return answer(request, list_document(_EMPTY_LISTS[kind], (), endpoint_of(request).urls.of(kind)))


def routes() -> list[Route]:
    """All routes of this module."""
    return [
        Route("/rest/registries/default_registry", registry),
        Route("/rest/workflows", workflows),
        Route("/rest/core", core),
        Route("/rest/core/token", token),
        Route("/rest/core/factories", factories),
        Route(f"/rest/core/factories/{FACTORY}", factory),
        Route(f"/rest/core/factories/{FACTORY}/applications/{{application}}", application),
        Route("/rest/core/sites", sites),
        Route("/rest/core/sites", create_site, methods=["POST"]),
        Route("/rest/core/sites/{site}", site),
        Route("/rest/core/sites/{site}", change_site, methods=["PUT"]),
        Route("/rest/core/sites/{site}", delete_site, methods=["DELETE"]),
        *(Route(f"/rest/core/{kind}", empty_list) for kind in _EMPTY_LISTS),
    ]


def _own_site(request: Request) -> SiteRecord:
    identity, site_id = identity_of(request), request.path_params["site"]
    record = endpoint_of(request).sites.get(site_id)
    if record is None:
        raise HTTPException(404, f"No such site: {site_id}")
    if record.owner != identity.name:
        raise HTTPException(403, f"Access denied: site {site_id} is not yours")
    return record


def _client(request: Request) -> Document:
    identity: Identity | None = request.scope["identity"]
    if identity is None:
        return ANONYMOUS
    account = account_of_caller(request)
    return client_document(identity, account.group_names, preferences(request).get("group"))
