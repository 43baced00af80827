"""Endpoints over the API: registered, tested, given new secrets, stopped and started, and their deliveries."""

from typing import Annotated

from fastapi import Query, Response

from models.delivery import Delivery, DeliveryLog, DeliveryStatus, Redelivery, RedeliveryRequest
from models.endpoint import Endpoint, EndpointDraft, NewEndpoint, RotatedSecret, RotationRequest
from models.ids import Prefix
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ById, ByNumber, Page
from portal.state import State
from rules.permission import Act
from storage import delivery_view
from storage import endpoint as endpoint_book

router = door("endpoints")

Manager = Annotated[Principal, allow(Act.MANAGE_ENDPOINT)]
TakeActReceipt = Annotated[TakeReceipt, idempotent(Prefix.ACT)]


@router.post("/endpoints", status_code=201, summary="Have events delivered")
async def register_endpoint(
    draft: EndpointDraft,
    caller: Manager,
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ENDPOINT)],
) -> NewEndpoint:
    """Every event from now on is posted to the URL, signed by the secret in this answer."""
    await state.endpoints.require_address(draft)
    made = await state.endpoints.register(draft, await take_receipt(), caller)
    response.headers["Location"] = f"/api/v1/endpoints/{made.endpoint.id}"
    return made


@router.get("/endpoints", summary="List endpoints")
def list_endpoints(caller: Manager, state: State, paging: ById) -> Page[Endpoint]:
    """A partner's own; for operators, all."""
    with state.database.reading() as connection:
        found = endpoint_book.list_endpoints(
            connection, caller, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda one: one.id)


@router.get("/endpoints/{endpoint_id}", summary="Read one endpoint")
async def read_endpoint(endpoint_id: Identifier, caller: Manager, state: State) -> Endpoint:
    """Where it leads, what it gets, and whether it takes it."""
    return await state.endpoints.find(endpoint_id, caller)


@router.post(
    "/endpoints/{endpoint_id}/secret-rotation", status_code=201, summary="Get another secret"
)
async def rotate_secret(
    endpoint_id: Identifier,
    request: RotationRequest,
    caller: Manager,
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.SECRET)],
) -> RotatedSecret:
    """For a time every delivery carries signatures by both, so that the receiver can change in peace."""
    return await state.endpoints.rotate(endpoint_id, request, await take_receipt(), caller)


@router.post("/endpoints/{endpoint_id}/test", status_code=201, summary="Send a test event")
async def test_endpoint(
    endpoint_id: Identifier,
    caller: Manager,
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.DELIVERY)],
) -> Delivery:
    """`keydesk.test.v1`, once, to this endpoint alone; the delivery tells how it went."""
    return await state.endpoints.test(endpoint_id, await take_receipt(), caller)


@router.post("/endpoints/{endpoint_id}/disable", status_code=201, summary="Stop deliveries")
async def disable_endpoint(
    endpoint_id: Identifier, caller: Manager, state: State, take_receipt: TakeActReceipt
) -> Endpoint:
    """What happens meanwhile is delivered once it is enabled again."""
    return await state.endpoints.disable(endpoint_id, await take_receipt(), caller)


@router.post("/endpoints/{endpoint_id}/enable", status_code=201, summary="Resume deliveries")
async def enable_endpoint(
    endpoint_id: Identifier, caller: Manager, state: State, take_receipt: TakeActReceipt
) -> Endpoint:
    """From where they stopped; what was given up stays so until it is asked for once more."""
    return await state.endpoints.enable(endpoint_id, await take_receipt(), caller)


@router.get("/endpoints/{endpoint_id}/deliveries", summary="List deliveries")
def list_deliveries(
    endpoint_id: Identifier,
    caller: Manager,
    state: State,
    paging: ByNumber,
    status: Annotated[DeliveryStatus | None, Query(description="Only in this status.")] = None,
) -> Page[Delivery]:
    """The newest first."""
    with state.database.reading() as connection:
        numbered = delivery_view.list_deliveries(
            connection, caller, endpoint_id, status=status, before=paging.after, limit=paging.probe
        )
    numbers = {delivery.id: number for number, delivery in numbered}
    return paging.page([delivery for _, delivery in numbered], lambda one: numbers[one.id])


@router.get("/endpoints/{endpoint_id}/deliveries/{delivery_id}", summary="Read one delivery")
def read_delivery(
    endpoint_id: Identifier, delivery_id: Identifier, caller: Manager, state: State
) -> DeliveryLog:
    """Every attempt with its instant, status, duration and the beginning of the answer."""
    with state.database.reading() as connection:
        return delivery_view.read_log(connection, caller, endpoint_id, delivery_id)


@router.post("/endpoints/{endpoint_id}/redeliveries", status_code=201, summary="Deliver once more")
async def redeliver(
    endpoint_id: Identifier,
    request: RedeliveryRequest,
    caller: Manager,
    state: State,
    take_receipt: TakeActReceipt,
) -> Redelivery:
    """One delivery, or all since an instant or behind a cursor of the feed, under the ids they had."""
    receipt = await take_receipt()
    queued = await state.endpoints.redeliver(endpoint_id, request, receipt, caller)
    return Redelivery(queued=queued)
