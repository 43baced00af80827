"""Events: what portals may tell us, how far each has come, and what we tell the world."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from models.base import Value
from models.cancellation import CancellationRequest
from models.decision import DecisionDraft
from models.order import OrderDraft
from models.text import Identifier, Paragraph
from models.ticket import Audience


class EventType(StrEnum):
    """The types of design.md §8 that `POST /events` understands."""

    ORDER_PLACED = "portal.order.placed.v1"
    CANCELLATION_REQUESTED = "portal.cancellation.requested.v1"
    CANCELLATION_WITHDRAWN = "portal.cancellation.withdrawn.v1"
    TICKET_DECIDED = "portal.ticket.decided.v1"
    TICKET_NOTED = "portal.ticket.noted.v1"


class InboxStatus(StrEnum):
    """received → done | rejected (with a reason); parked after too many tries, for an operator to re-drive."""

    RECEIVED = "received"
    DONE = "done"
    REJECTED = "rejected"
    PARKED = "parked"


class OrderPlaced(OrderDraft):
    """Data of portal.order.placed.v1; `placed_by` is the acting user's id."""

    placed_by: Identifier


class CancellationRequested(CancellationRequest):
    """Data of portal.cancellation.requested.v1."""

    requested_by: Identifier


class CancellationWithdrawn(Value):
    """Data of portal.cancellation.withdrawn.v1."""

    cancellation_id: Identifier
    withdrawn_by: Identifier
    note: Paragraph | None = None


class TicketDecided(DecisionDraft):
    """Data of portal.ticket.decided.v1."""

    ticket_id: Identifier
    decided_by: Identifier


class TicketNoted(Value):
    """Data of portal.ticket.noted.v1."""

    ticket_id: Identifier
    written_by: Identifier
    audience: Audience = Audience.PARTNER
    text: Paragraph


EVENT_DATA: dict[EventType, type[Value]] = {
    EventType.ORDER_PLACED: OrderPlaced,
    EventType.CANCELLATION_REQUESTED: CancellationRequested,
    EventType.CANCELLATION_WITHDRAWN: CancellationWithdrawn,
    EventType.TICKET_DECIDED: TicketDecided,
    EventType.TICKET_NOTED: TicketNoted,
}


class OutgoingType(StrEnum):
    """What we tell the world (design.md §8)."""

    ORDER_FULFILLED = "keydesk.order.fulfilled.v1"
    CANCELLATION_REQUESTED = "keydesk.cancellation.requested.v1"
    CANCELLATION_DECIDED = "keydesk.cancellation.decided.v1"
    KEY_REVEALED = "keydesk.key.revealed.v1"
    KEY_REVOKED = "keydesk.key.revoked.v1"
    KEY_REPLACED = "keydesk.key.replaced.v1"
    CREDIT_BOOKED = "keydesk.credit.booked.v1"
    ORDER_FINAL = "keydesk.order.final.v1"


class EventReceipt(Value):
    """The answer of `POST /events`."""

    id: str
    status: Literal["accepted", "duplicate"] = Field(
        description="A duplicate is not processed again."
    )


class OutgoingEvent(Value):
    """One event of the feed: a CloudEvent 1.0, with partner and customer as extension attributes."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: Literal["keydesk"] = "keydesk"
    type: str
    subject: str = Field(description="The order it is about.")
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    partnerid: str
    customerid: str
    data: dict[str, Any]


class Feed(Value):
    """What happened after a cursor, in the feed's order; `next` is where to go on, also when nothing is new."""

    items: tuple[OutgoingEvent, ...]
    next: str
