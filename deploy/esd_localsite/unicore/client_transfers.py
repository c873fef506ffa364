"""Files that clients send and fetch at a separate address: requested after a login, used without one. UCC and Java clients do so."""

import uuid
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from esd_localsite.description.fields import optional
from esd_localsite.files.files import PathError, Storage
from esd_localsite.files.processes import account_of
from esd_localsite.jobs.faults import check_quota
from esd_localsite.records.records import ClientTransferRecord
from esd_localsite.records.storages import storage_of
from esd_localsite.unicore.endpoint import endpoint_of, identity_of, owner_of, preferences
from esd_localsite.unicore.requests import answer, json_body, listing
from esd_localsite.unicore.storage_routes import receive_file, send_file, storage_of_request
from esd_localsite.unicore.work_answers import client_transfer_document

_KIND = "client-server-transfers"


async def new_import(request: Request) -> Response:
    """A client announces an upload: `{"file": …, "protocol": "BFT"}`."""
    return await _new(request, is_export=False)


async def new_export(request: Request) -> Response:
    """A client announces a download."""
    return await _new(request, is_export=True)


def list_transfers(request: Request) -> Response:
    """The caller's transfers."""
    endpoint, owner = endpoint_of(request), owner_of(request)
    urls = [endpoint.urls.of(_KIND, record.id) for record in endpoint.client_transfers if record.owner == owner]
    return listing(request, _KIND, urls, endpoint.urls.of(_KIND, ""))


def show_transfer(request: Request) -> Response:
    """One transfer."""
    return answer(request, client_transfer_document(_own(request), endpoint_of(request).config))


def delete_transfer(request: Request) -> Response:
    """Close its address."""
    endpoint_of(request).client_transfers.remove(_own(request).id)
    return Response(status_code=204)


async def put_bytes(request: Request) -> Response:
    """The bytes of an import; everyone who knows the address may send them."""
    record, storage = await run_in_threadpool(_open, request, is_export=False)
    check_quota(endpoint_of(request).faults, record.file)
    await receive_file(request, storage, record.file)
    return Response(status_code=204)


def get_bytes(request: Request) -> Response:
    """The bytes of an export, or the part that `Range` asks for."""
    record, storage = _open(request, is_export=True)
    return send_file(request, storage, record.file)


def routes() -> list[Route]:
    """All routes of this module."""
    storage, transfer, address = "/rest/core/storages/{storage}", f"/rest/core/{_KIND}/{{transfer}}", "/files/{transfer}"
    return [
        Route(f"{storage}/imports", new_import, methods=["POST"]),
        Route(f"{storage}/exports", new_export, methods=["POST"]),
        Route(f"/rest/core/{_KIND}", list_transfers),
        Route(transfer, show_transfer),
        Route(transfer, delete_transfer, methods=["DELETE"]),
        Route(address, get_bytes),
        Route(address, put_bytes, methods=["PUT"]),
    ]


async def _new(request: Request, *, is_export: bool) -> Response:
    endpoint, identity, fields = endpoint_of(request), identity_of(request), await json_body(request)
    await run_in_threadpool(storage_of_request, request)  # refuses what is not the caller's
    file, protocol = optional(fields, "file"), optional(fields, "protocol") or "BFT"
    if file is None or protocol != "BFT":
        raise HTTPException(500, f"Error creating transfer: 'file' is needed, and protocol BFT, not {protocol}")
    record = ClientTransferRecord(
        id=str(uuid.uuid4()),
        created=datetime.now(UTC),
        owner=identity.name,
        account=endpoint.config.account_name(identity.uid_name),
        group=preferences(request).get("group"),
        storage=request.path_params["storage"],
        file=file,
        is_export=is_export,
    )
    await run_in_threadpool(endpoint.client_transfers.save, record)
    return JSONResponse(client_transfer_document(record, endpoint.config), headers={"Location": endpoint.urls.of(_KIND, record.id)})


def _own(request: Request) -> ClientTransferRecord:
    record = endpoint_of(request).client_transfers.get(request.path_params["transfer"])
    if record is None:
        raise HTTPException(404)
    if record.owner != identity_of(request).name:
        raise HTTPException(403)
    return record


def _open(request: Request, *, is_export: bool) -> tuple[ClientTransferRecord, Storage]:
    endpoint = endpoint_of(request)
    record = endpoint.client_transfers.get(request.path_params["transfer"])
    if record is None or record.is_export is not is_export:
        raise HTTPException(404)
    account = account_of(record.account)
    account = account.in_group(record.group) if record.group else account
    try:
        storage = storage_of(endpoint.engine.store, record.storage, record.owner, account)
    except PathError as error:
        raise HTTPException(404) from error
    return record, storage
