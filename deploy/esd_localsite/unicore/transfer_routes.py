"""Routes about transfers."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from esd_localsite.description.description import tags_of
from esd_localsite.description.fields import Json, optional
from esd_localsite.records.records import TransferRecord
from esd_localsite.unicore.endpoint import account_of_caller, endpoint_of, identity_of, owner_of, preferences
from esd_localsite.unicore.requests import answer, json_body, listing, wanted_tags
from esd_localsite.unicore.work_answers import transfer_document


def list_transfers(request: Request) -> Response:
    """The caller's transfers, oldest first."""
    endpoint, owner, tags = endpoint_of(request), owner_of(request), wanted_tags(request)
    urls = [endpoint.urls.of("transfers", r.id) for r in endpoint.transfers.shelf if r.owner == owner and tags <= set(r.tags)]
    return listing(request, "transfers", urls, endpoint.urls.of("transfers", ""))


async def create_transfer(request: Request) -> Response:
    """`{"file": …, "source" or "target": …}`, for the storage in the path."""
    fields = await json_body(request)
    account_of_caller(request)  # refuses a group of which the caller is not a member
    record = _record(request, fields)
    await run_in_threadpool(endpoint_of(request).transfers.start, record)
    return Response(status_code=201, headers={"Location": endpoint_of(request).urls.of("transfers", record.id)})


def show_transfer(request: Request) -> Response:
    """A transfer's progress."""
    return answer(request, transfer_document(_own(request), endpoint_of(request).config))


def delete_transfer(request: Request) -> Response:
    """End a transfer and remove its record."""
    transfers, record = endpoint_of(request).transfers, _own(request)
    transfers.abort(record.id)
    transfers.shelf.remove(record.id)
    return Response(status_code=204)


def routes() -> list[Route]:
    """All routes of this module."""
    transfer = "/rest/core/transfers/{transfer}"
    return [
        Route("/rest/core/transfers", list_transfers),
        Route("/rest/core/storages/{storage}/transfers", create_transfer, methods=["POST"]),
        Route(transfer, show_transfer),
        Route(transfer, delete_transfer, methods=["DELETE"]),
    ]


def _own(request: Request) -> TransferRecord:
    identity, transfer_id = identity_of(request), request.path_params["transfer"]
    record = endpoint_of(request).transfers.shelf.get(transfer_id)
    if record is None:
        raise HTTPException(404, f"No such transfer: {transfer_id}")
    if record.owner != identity.name:
        raise HTTPException(403, f"Access denied: transfer {transfer_id} is not yours")
    return record


def _record(request: Request, fields: Mapping[str, Json]) -> TransferRecord:
    endpoint, identity = endpoint_of(request), identity_of(request)
    file, source, target = optional(fields, "file"), optional(fields, "source"), optional(fields, "target")
    if file is None or (source is None) == (target is None):
        raise HTTPException(500, "A transfer needs 'file', and either 'source' or 'target'")
    return TransferRecord(
        id=str(uuid.uuid4()),
        owner=identity.name,
        account=endpoint.config.account_name(identity.uid_name),
        group=preferences(request).get("group"),
        storage=request.path_params["storage"],
        file=file,
        address=source or target or "",
        sends=target is not None,
        created=datetime.now(UTC),
        tags=tags_of(fields),
    )
