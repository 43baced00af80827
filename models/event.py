"""Events: what portals may tell us, and how far each has come."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from models.base import Value
from models.cancellation import CancellationRequest
from models.decision import DecisionDraft
from models.order import OrderDraft
from models.product_key import KeylessParagraph
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
    text: KeylessParagraph


EVENT_DATA: dict[EventType, type[Value]] = {
    EventType.ORDER_PLACED: OrderPlaced,
    EventType.CANCELLATION_REQUESTED: CancellationRequested,
    EventType.CANCELLATION_WITHDRAWN: CancellationWithdrawn,
    EventType.TICKET_DECIDED: TicketDecided,
    EventType.TICKET_NOTED: TicketNoted,
}


class EventReceipt(Value):
    """The answer of `POST /events`."""

    id: str
    status: Literal["accepted", "duplicate"] = Field(
        description="A duplicate is not processed again."
    )
