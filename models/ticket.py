"""Tickets: the seed's "Report a problem" form as data, notes, and the clock people answer by."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from models.base import Message, Value
from models.money import Money
from models.text import Line


class TicketKind(StrEnum):
    """What the ticket is about: a cancellation, an order that waits for keys, or something else, an inquiry."""

    CANCELLATION = "cancellation"
    INCIDENT = "incident"
    INQUIRY = "inquiry"


class TicketStatus(StrEnum):
    """Derived from the case, never set beside it."""

    OPEN = "open"
    WAITING_FOR_APPROVAL = "waiting_for_approval"
    WAITING_FOR_REQUESTER = "waiting_for_requester"
    NEEDS_ATTENTION = "needs_attention"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Impact(StrEnum):
    """The form's impact; each has a first-response time (partner-center.md §1.7)."""

    CRITICAL = "critical"
    MODERATE = "moderate"
    MINIMAL = "minimal"

    @property
    def severity(self) -> str:
        """A, B or C."""
        return {"critical": "A", "moderate": "B", "minimal": "C"}[self.value]

    @property
    def respond_within(self) -> timedelta:
        """2, 4 or 8 hours."""
        return timedelta(hours={"critical": 2, "moderate": 4, "minimal": 8}[self.value])


class ProblemType(StrEnum):
    """The form's problem type; a cancellation's is fixed by the seed, an incident's by the house."""

    CSP_PURCHASE_AND_REFUND = "csp_purchase_and_refund_on_behalf_of_customers"
    KEY_STOCK = "product_key_stock"
    PRODUCT_KEYS = "product_keys"
    DOWNLOADS = "downloads"
    ORDERS = "orders"
    BILLING = "billing"
    ACCESS = "access"
    OTHER = "other"


PROBLEM_TYPE_TITLES = {
    ProblemType.CSP_PURCHASE_AND_REFUND: "CSP purchase and refund on behalf of customers",
    ProblemType.KEY_STOCK: "Product keys out of stock",
    ProblemType.PRODUCT_KEYS: "Product keys",
    ProblemType.DOWNLOADS: "Downloads",
    ProblemType.ORDERS: "Orders",
    ProblemType.BILLING: "Statements and billing",
    ProblemType.ACCESS: "Sign-in and access",
    ProblemType.OTHER: "Something else",
}


class ResponseState(StrEnum):
    """The clock of the first response: still running, stopped in time, or too late (answered or not)."""

    DUE = "due"
    MET = "met"
    LATE = "late"


Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f<>,;\"]+@[^@\s\x00-\x1f<>,;\"]+\.[^@\s\x00-\x1f<>,;\"]+$",
    ),
]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9 ()./\-]{5,30}$")]


class Contact(Value):
    """The partner's own person to talk to; stays in the database, never in a workflow payload or a mail body."""

    name: Line
    email: Email
    phone: Phone


class Audience(StrEnum):
    """Who may read a note: house staff, the partner's people too, or the customer's global admin too."""

    INTERNAL = "internal"
    PARTNER = "partner"
    CUSTOMER = "customer"


class TicketNote(Value):
    """One note on a ticket."""

    id: str
    author_id: str
    audience: Audience
    text: str
    written_at: AwareDatetime


class OutsideTicket(Value):
    """The copy of a ticket at an outside desk; without a number it is not open there yet."""

    desk: str
    number: str | None
    link: str | None
    closed: bool
    last_error: str | None = Field(
        description="Why the last try to tell the desk failed; it is tried again by itself."
    )


class Ticket(Value):
    """A ticket as the API shows it; `number` is the one people quote.

    An inquiry may be about no order, or not even about a customer. `response` is how its clock stood when
    it was read.
    """

    id: str
    number: int
    kind: TicketKind
    status: TicketStatus
    problem_type: ProblemType
    impact: Impact
    severity: str
    title: str
    description: str
    cancellation_id: str | None
    order_id: str | None
    order_number: int | None
    partner_id: str
    customer_id: str | None
    customer_tenant: str | None
    customer_name: str | None
    requested_amount: Money | None
    reason: str | None
    contact: Contact | None
    opened_by: str
    opened_at: AwareDatetime
    respond_by: AwareDatetime
    response: ResponseState
    first_response_at: AwareDatetime | None
    first_response_by: str | None
    assignee_id: str | None
    escalated_at: AwareDatetime | None
    resolved_at: AwareDatetime | None
    closes_at: AwareDatetime | None
    closed_at: AwareDatetime | None
    outside_ticket: OutsideTicket | None = Field(
        default=None, description="Its copy at an outside desk; for house staff."
    )
    notes: tuple[TicketNote, ...] = ()


class CustomerNote(Value):
    """A note meant for the customer, as the customer reads it: of the ticket its number and no more."""

    id: str
    ticket_number: int
    text: str
    written_at: AwareDatetime


class TicketReceipt(Message):
    """What `create_ticket` answers the workflow."""

    ticket_id: str
    ticket_number: int


class NoteRef(Message):
    """What an `ask` or `answer` update carries: who, and the id under which the text is stored."""

    note_id: str
    actor_id: str
