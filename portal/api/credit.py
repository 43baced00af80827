"""Credits over the API: money given back, as it will stand on the partner's statement."""

from typing import Annotated

from fastapi import Query

from models.credit import Credit
from models.errors import NotFound
from models.principal import Principal
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.pagination import ByInstant, Page
from portal.state import State
from rules.permission import Act
from storage import cancellation_view

router = door("credits")


@router.get("/credits", summary="List credits")
def list_credits(
    caller: Annotated[Principal, allow(Act.READ_CREDIT)],
    state: State,
    paging: ByInstant,
    order_id: Annotated[Identifier | None, Query(description="Only of this order.")] = None,
) -> Page[Credit]:
    """Newest first."""
    with state.database.reading() as connection:
        found = cancellation_view.list_credits(
            connection, caller, order_id=order_id, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda credit: (credit.booked_at, credit.id))


@router.get("/credits/{credit_id}", summary="Read one credit")
def read_credit(
    credit_id: Identifier, caller: Annotated[Principal, allow(Act.READ_CREDIT)], state: State
) -> Credit:
    """Its amount, its case and its ledger entry."""
    with state.database.reading() as connection:
        found = cancellation_view.list_credits(connection, caller, credit_id=credit_id)
    if not found:
        raise NotFound("credit")
    return found[0]
