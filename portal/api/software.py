"""Software over the API: what was bought, its keys on demand, and what cancelling would bring."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Response
from pydantic import AfterValidator, AwareDatetime

from models.errors import NotFound
from models.ids import Prefix
from models.outlook import ExplainedQuote, Language
from models.principal import Principal
from models.product_key import RevealedKey, RevealRequest
from models.software import Software
from models.text import Identifier
from portal.auth import allow
from portal.door import door
from portal.idempotency import TakeReceipt, idempotent
from portal.pagination import ById, Page
from portal.state import State
from rules.explanation import explained
from rules.permission import Act
from storage import quote, software_view
from storage.order_view import covers_customer

router = door("software")

_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _thinkable(at: datetime) -> datetime:
    if not _EARLIEST <= at <= _LATEST:
        raise ValueError("lies outside of the years 2000 to 2199")
    return at


Instant = Annotated[AwareDatetime, AfterValidator(_thinkable)]


@router.get("/customers/{customer_id}/software", summary="List what was bought for a customer")
def list_software(
    customer_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_SOFTWARE)],
    state: State,
    paging: ById,
) -> Page[Software]:
    """Newest first; a cancelled item stays listed, without its keys."""
    with state.database.reading() as connection:
        if not covers_customer(connection, caller, customer_id):
            raise NotFound("customer")
        found = software_view.list_software(
            connection, caller, customer_id, after=paging.after, limit=paging.probe
        )
    return paging.page(found, lambda item: item.id)


@router.get("/software/{software_id}", summary="Read one software item")
def read_software(
    software_id: Identifier,
    caller: Annotated[Principal, allow(Act.READ_SOFTWARE)],
    state: State,
) -> Software:
    """One item with its keys masked."""
    with state.database.reading() as connection:
        found = software_view.find_software(connection, caller, software_id)
    if found is None:
        raise NotFound("software")
    return found


@router.post(
    "/software/{software_id}/key-reveals", status_code=201, summary="Show one product key in clear"
)
async def reveal_key(
    software_id: Identifier,
    caller: Annotated[Principal, allow(Act.REVEAL_KEY)],
    state: State,
    response: Response,
    take_receipt: Annotated[TakeReceipt, idempotent(Prefix.REVEAL)],
    request: RevealRequest | None = None,
) -> RevealedKey:
    """Recorded, counted and limited; refused as soon as the key is suspended or revoked."""
    response.headers["Cache-Control"] = "no-store"
    receipt = await take_receipt()
    return await state.reveals.reveal_key(software_id, request or RevealRequest(), receipt, caller)


@router.get(
    "/software/{software_id}/cancellation-quote", summary="Say what a cancellation would bring"
)
def quote_cancellation(
    software_id: Identifier,
    caller: Annotated[Principal, allow(Act.QUOTE_CANCELLATION)],
    state: State,
    at: Annotated[
        Instant | None, Query(description="The instant to think of; now when left out.")
    ] = None,
    quantity: Annotated[
        int | None,
        Query(ge=1, le=10_000, description="How many units; all that are left when left out."),
    ] = None,
    lang: Annotated[
        Language, Query(description="The language of the explanation.")
    ] = Language.ENGLISH,
) -> ExplainedQuote:
    """Verdict, credit and deadline, with the facts and sentences that explain them.

    `outlook` holds the credit now and in each later tier, or what would have made a refused one acceptable.
    """
    with state.database.reading() as connection:
        if software_view.find_software(connection, caller, software_id) is None:
            raise NotFound("software")
        found = quote.quote_software(
            connection, software_id, at or state.clock(), quantity=quantity
        )
    return explained(found, lang)
