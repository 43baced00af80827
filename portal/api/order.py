"""Orders over the API: placing one, following it, and an operator's repair."""

from typing import Annotated

from fastapi import Query, Response

from models.errors import NotFound
from models.ids import Prefix
from models.order import Order, OrderDraft, PurchaseState
from models.principal import Principal
from models.text import Identifier
from models.timeline import TimelineEntry
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ByInstant, ByNumber, Page
from portal.state import State
from rules.permission import Act, may
from storage import order_view
from storage.timeline import read_timeline

router = door("orders")


@router.post("/orders", status_code=201, summary="Place and pay an order")
async def place_order(
    draft: OrderDraft,
    caller: Annotated[Principal, allow(Act.PLACE_ORDER)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ORDER)],
) -> Order:
    """It is charged to the partner's account; its cancellation windows are frozen at this instant."""
    order = await state.desk.place_order(draft, await take_receipt(), caller)
    response.headers["Location"] = f"/api/v1/orders/{order.id}"
    return order


@router.get("/orders", summary="List orders")
def list_orders(
    caller: Annotated[Principal, allow(Act.READ_ORDER)],
    state: State,
    paging: ByInstant,
    customer_id: Annotated[Identifier | None, Query(description="Only of this customer.")] = None,
) -> Page[Order]:
    """Newest first."""
    with state.database.reading() as connection:
        found = order_view.list_orders(
            connection,
            caller,
            customer_id=customer_id,
            after=paging.after,
            limit=paging.probe,
        )
    return paging.page(found, lambda order: (order.placed_at, order.id))


@router.get("/orders/{order_id}", summary="Read one order")
def read_order(
    order_id: Identifier, caller: Annotated[Principal, allow(Act.READ_ORDER)], state: State
) -> Order:
    """With its lines, and until when each can be cancelled."""
    return _find(state, caller, order_id)


@router.get("/orders/{order_id}/timeline", summary="Read what happened to an order")
def read_order_timeline(
    order_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_ORDER)],
    state: State,
    paging: ByNumber,
) -> Page[TimelineEntry]:
    """One sentence per step, oldest first; the customer's own people see the purchase only."""
    _find(state, caller, order_id)
    with state.database.reading() as connection:
        found = read_timeline(
            connection,
            order_id,
            for_customer=not may(caller, Act.READ_CANCELLATION),
            after=paging.after,
            limit=paging.probe,
        )
    return paging.page(found, lambda entry: entry.number)


@router.post("/orders/{order_id}/retry", summary="Try a failing step again at once")
async def retry_purchase(
    order_id: Identifier,
    caller: Annotated[Principal, allow(Act.REPAIR)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> PurchaseState:
    """For operators; the step would be tried again by itself, only later."""
    return await state.desk.retry_purchase(order_id, await take_receipt(), caller)


@router.post("/orders/{order_id}/compensation", summary="Give up an order that waits for keys")
async def compensate_purchase(
    order_id: Identifier,
    caller: Annotated[Principal, allow(Act.REPAIR)],
    state: State,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.ACT)],
) -> PurchaseState:
    """For operators; its charge is reversed."""
    return await state.desk.compensate_purchase(order_id, await take_receipt(), caller)


def _find(state: State, caller: Principal, order_id: str) -> Order:
    with state.database.reading() as connection:
        found = order_view.find_order(connection, order_id)
    if found is None or not caller.covers(found.partner_id, found.customer_id):
        raise NotFound("order")
    return found
