"""Routes about the site itself: core, registry, factories, and the lists that are empty here."""

from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from esd_localsite.unicore.answers import (
    ANONYMOUS,
    FACTORY,
    SITE,
    Document,
    client_document,
    core_document,
    factory_document,
    list_document,
    registry_document,
    site_document,
)
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, preferences
from esd_localsite.unicore.requests import answer
from esd_localsite.unicore.users import Identity

_EMPTY_LISTS = {
    "reservations": "reservations",
    "storagefactories": "storagefactories",
    "transfers": "transfers",
    "client-server-transfers": "transfers",
    "tasks": "tasks",
}


def core(request: Request) -> Response:
    """The site, and who the caller is at it."""
    endpoint = endpoint_of(request)
    note = endpoint.engine.batch.note
    return answer(request, core_document(endpoint.config, _client(request), endpoint.up_since, datetime.now(UTC), note))


def token(request: Request) -> Response:
    """A signed token for the caller; `limited` and `renewable` make no difference at a site of one server."""
    endpoint = endpoint_of(request)
    try:
        lifetime = float(request.query_params.get("lifetime", endpoint.config.times.token_seconds))
    except ValueError:
        raise HTTPException(400, "lifetime must be a number of seconds") from None
    return PlainTextResponse(endpoint.gate.issue_token(identity_of(request), lifetime))


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


def sites(request: Request) -> Response:
    """The list of target systems: one."""
    identity_of(request)
    urls = endpoint_of(request).urls
    return answer(request, list_document("sites", [urls.of("sites", SITE)], urls.of("sites")))


def site(request: Request) -> Response:
    """The one target system."""
    identity_of(request)
    return answer(request, site_document(endpoint_of(request).config))


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
        Route("/rest/core/sites", sites),
        Route(f"/rest/core/sites/{SITE}", site),
        *(Route(f"/rest/core/{kind}", empty_list) for kind in _EMPTY_LISTS),
    ]


def _client(request: Request) -> Document:
    identity: Identity | None = request.scope["identity"]
    if identity is None:
        return ANONYMOUS
    account = account_of_caller(request)
    return client_document(identity, account.group_names, preferences(request).get("group"))
