"""Routes about the site itself: core, registry, factories, target systems, and the lists that are empty here."""

import math
import uuid
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from esd_localsite.description.applications import APPLICATIONS
from esd_localsite.description.description import tags_of
from esd_localsite.files.documents import Document
from esd_localsite.identity.users import Identity
from esd_localsite.records.records import SiteRecord
from esd_localsite.unicore import site_answers
from esd_localsite.unicore.answers import FACTORY, SITE, STORAGE_FACTORY
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, owner_of, preferences
from esd_localsite.unicore.requests import answer, json_body, listing, wanted_tags

_LONGEST_TOKEN_S = 365 * 24 * 3600
_JOBS_OF_A_SITE = 100
_EMPTY_LISTS = ("reservations", "tasks")


def core(request: Request) -> Response:
    """The site, and the caller's identity at it."""
    endpoint = endpoint_of(request)
    client = _client(request)
    return answer(request, site_answers.core_document(endpoint.config, client, endpoint.up_since, endpoint.engine.batch.note))


def token(request: Request) -> Response:
    """A signed token for the caller."""
    endpoint, asked = endpoint_of(request), request.query_params
    try:
        lifetime = float(asked.get("lifetime", endpoint.config.times.token_seconds))
    except ValueError:
        lifetime = math.nan
    if not 0 < lifetime <= _LONGEST_TOKEN_S:
        raise HTTPException(500, f"lifetime must be a number of seconds, at most {_LONGEST_TOKEN_S}")
    renewable, limited = (asked.get(name, "").lower() == "true" for name in ("renewable", "limited"))
    return PlainTextResponse(endpoint.gate.issue_token(identity_of(request), lifetime, renewable=renewable, limited=limited))


def registry(request: Request) -> Response:
    """The registry: this site and nothing else."""
    return answer(request, site_answers.registry_document(endpoint_of(request).config))


def factories(request: Request) -> Response:
    """The list of target system factories: one, or none for an anonymous client."""
    return _fixed(request, "factories", FACTORY)


def factory(request: Request) -> Response:
    """The partitions and their limits."""
    return answer(request, site_answers.factory_document(endpoint_of(request).config))


def applications(_request: Request) -> Response:
    """The names of all applications."""
    return JSONResponse({"applications": [application.key for application in APPLICATIONS]})


def application(request: Request) -> Response:
    """One application."""
    key = request.path_params["application"]
    for known in APPLICATIONS:
        if known.key == key:
            return answer(request, site_answers.application_document(known))
    raise HTTPException(404, f"No such application: {key}")


def storage_factories(request: Request) -> Response:
    """The list of storage factories."""
    return _fixed(request, "storagefactories", STORAGE_FACTORY)


def storage_factory(request: Request) -> Response:
    """What storages could be made: none."""
    return answer(request, site_answers.storage_factory_document(endpoint_of(request).config))


def sites(request: Request) -> Response:
    """The target systems of the caller: the default one, and those that the caller created."""
    endpoint, owner, tags = endpoint_of(request), owner_of(request), wanted_tags(request)
    own = [record.id for record in endpoint.sites if record.owner == owner and tags <= set(record.tags)]
    ids = [*([SITE] if owner and not tags else []), *own]
    return listing(request, "sites", [endpoint.urls.of("sites", site) for site in ids], endpoint.urls.of("sites", ""))


async def create_site(request: Request) -> Response:
    """A target system of the caller's own."""
    endpoint, identity, fields = endpoint_of(request), identity_of(request), await json_body(request, "Could not create TSS")
    record = SiteRecord(id=str(uuid.uuid4()), owner=identity.name, created=datetime.now(UTC), tags=tags_of(fields))
    await run_in_threadpool(endpoint.sites.save, record)
    return Response(status_code=201, headers={"Location": endpoint.urls.of("sites", record.id)})


def site(request: Request) -> Response:
    """A target system."""
    record = site_of(request)
    return answer(request, site_answers.site_document(endpoint_of(request).config, record, len(_jobs_at(request, record))))


def jobs_of_site(request: Request) -> Response:
    """The jobs that it accepted."""
    record, urls = site_of(request), endpoint_of(request).urls
    return listing(request, "jobs", _jobs_at(request, record), urls.of("sites", record.id, "jobs"), _JOBS_OF_A_SITE)


async def change_site(request: Request) -> Response:
    """Its tags can be changed."""
    record, properties = site_of(request), await json_body(request)
    if "tags" in properties:
        changed = record.model_copy(update={"tags": tags_of({"Tags": properties["tags"]})})
        await run_in_threadpool(endpoint_of(request).sites.save, changed)
    return answer(request, {name: "OK" if name == "tags" else NOT_MODIFIABLE for name in properties})


NOT_MODIFIABLE = "Property not found or cannot be modified!"


def delete_site(request: Request) -> Response:
    """Remove a target system; its jobs stay."""
    endpoint_of(request).sites.remove(site_of(request).id)
    return Response(status_code=204)


def empty_list(request: Request) -> Response:
    """A kind of resource that this site does not have."""
    kind = request.url.path.rpartition("/")[2]
    return listing(request, kind, (), endpoint_of(request).urls.of(kind, ""))


def site_of(request: Request) -> SiteRecord:
    """The caller's target system that a path names. Raises HTTPException 404, 403."""
    identity, site_id, sites = identity_of(request), request.path_params["site"], endpoint_of(request).sites
    record = sites.get(site_id)
    if record is None and site_id == SITE:
        return SiteRecord(id=SITE, owner=identity.name, created=endpoint_of(request).up_since)
    if record is None:
        raise HTTPException(404, f"No such site: {site_id}")
    if record.owner != identity.name:
        raise HTTPException(403, f"Access denied: site {site_id} is not yours")
    return record


def routes() -> list[Route]:
    """All routes of this module."""
    factory_path, site_path = f"/rest/core/factories/{FACTORY}", "/rest/core/sites/{site}"
    return [
        Route("/rest/registries/default_registry", registry),
        Route("/rest/core", core),
        Route("/rest/core/token", token),
        Route("/rest/core/factories", factories),
        Route(factory_path, factory),
        *(Route(f"{path}/applications", applications) for path in (factory_path, site_path)),
        *(Route(f"{path}/applications/{{application}}", application) for path in (factory_path, site_path)),
        Route("/rest/core/storagefactories", storage_factories),
        Route(f"/rest/core/storagefactories/{STORAGE_FACTORY}", storage_factory),
        Route("/rest/core/sites", sites),
        Route("/rest/core/sites", create_site, methods=["POST"]),
        Route(site_path, site),
        Route(site_path, change_site, methods=["PUT"]),
        Route(site_path, delete_site, methods=["DELETE"]),
        Route(f"{site_path}/jobs", jobs_of_site),
        *(Route(f"/rest/core/{kind}", empty_list) for kind in _EMPTY_LISTS),
    ]


def _fixed(request: Request, kind: str, only: str) -> Response:
    urls = endpoint_of(request).urls
    return listing(request, kind, [urls.of(kind, only)] if owner_of(request) else [], urls.of(kind, ""))


def _jobs_at(request: Request, record: SiteRecord) -> list[str]:
    endpoint, tags = endpoint_of(request), wanted_tags(request)
    own = (job for job in endpoint.engine.store if job.owner == record.owner and job.service == "unicore" and job.site == record.id)
    return [endpoint.urls.of("jobs", job.id) for job in own if tags <= set(job.tags)]


def _client(request: Request) -> Document:
    identity: Identity | None = request.scope["identity"]
    if identity is None:
        return site_answers.ANONYMOUS
    account = account_of_caller(request)
    return site_answers.client_document(identity, account.group_names, preferences(request).get("group"))
