"""Cancellations: the request, its assessment against the frozen policy, and what CancellationWorkflow carries."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from models.approval import Approval, ApprovalMode
from models.base import Message, Value
from models.decision import Verdict
from models.money import Money
from models.order import Quantity
from models.policy import RefundType
from models.text import Identifier, Line, Paragraph
from models.ticket import Contact, Impact


class CancellationStatus(StrEnum):
    """received → pending_approval → approved → credited → completed; the rest end it early."""

    RECEIVED = "received"
    INELIGIBLE = "ineligible"
    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    CREDITED = "credited"
    COMPLETED = "completed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    COMPENSATED = "compensated"


OVER = frozenset(
    {
        CancellationStatus.INELIGIBLE,
        CancellationStatus.DECLINED,
        CancellationStatus.WITHDRAWN,
        CancellationStatus.EXPIRED,
        CancellationStatus.COMPENSATED,
        CancellationStatus.COMPLETED,
    }
)
"""The statuses nothing follows."""

CREDITED = frozenset({CancellationStatus.CREDITED, CancellationStatus.COMPLETED})
"""The statuses of a case whose units are given back for good."""


class IneligibilityReason(StrEnum):
    """Why the rule says no; the value is the problem code at the door."""

    WINDOW_CLOSED = "cancellation_window_closed"
    NOT_FULFILLED = "order_not_fulfilled"
    ALREADY_CANCELLED = "already_cancelled"
    CANCELLATION_OPEN = "cancellation_already_open"
    KEY_REVEALED = "key_revealed"
    DOWNLOAD_STARTED = "download_started"
    NOT_DIVISIBLE = "quantity_not_divisible"
    QUANTITY_TOO_HIGH = "quantity_exceeds_remaining"
    AMOUNT_TOO_HIGH = "amount_exceeds_credit"


class CancellationRequest(Value):
    """The seed's form, as a door hands it to the desk. What the order already says is not asked again."""

    software_id: Identifier
    reason: Paragraph
    reason_code: Identifier | None = Field(
        default=None, description="One of the reasons that the quote offers."
    )
    impact: Impact = Impact.MINIMAL
    title: Line | None = None
    quantity: Quantity | None = Field(
        default=None, description="How many units go; all that are left when left out."
    )
    units: Annotated[tuple[Quantity, ...], Field(min_length=1, max_length=10_000)] | None = Field(
        default=None,
        description="Which units go, by number, where each has a key of its own; left out, those whose"
        " key nobody has seen go first.",
    )
    requested_amount: Money | None = None
    contact: Contact

    @model_validator(mode="after")
    def _units_once(self) -> Self:
        if self.units is None:
            return self
        if len(self.units) != len(set(self.units)):
            raise ValueError("a unit goes once")
        if self.quantity not in (None, len(self.units)):
            raise ValueError("as many units are named as the quantity says")
        return self

    @property
    def wanted_quantity(self) -> int | None:
        """How many units are asked for; None for all that are left."""
        return self.quantity if self.units is None else len(self.units)


class LineFacts(Value):
    """Everything the rule looks at; stored beside the verdict so that it can be explained later.

    `cancelled` means that nothing is left. `key_revealed` speaks of the units that would go.
    """

    line_id: str
    placed_at: AwareDatetime
    window_closes_at: AwareDatetime
    quantity: int
    unit_price: Money
    total: Money
    term_days: int | None
    fulfilled: bool
    cancelled: bool
    cancellation_open: bool
    key_revealed: bool
    download_started: bool = False
    cancelled_quantity: int = 0
    wanted_quantity: int | None = Field(default=None, description="Null: all that are left.")
    divisible: bool = Field(default=False, description="Whether each unit has a key of its own.")

    @property
    def remaining(self) -> int:
        """How many units no credit was booked for."""
        return self.quantity - self.cancelled_quantity

    @property
    def taken(self) -> int:
        """How many units are asked about."""
        return self.remaining if self.wanted_quantity is None else self.wanted_quantity


class Quote(Value):
    """What cancelling would bring: verdict, credit and deadline, with the facts used."""

    eligible: bool
    reason: IneligibilityReason | None
    received_at: AwareDatetime
    deadline: AwareDatetime
    credit: Money
    refund_type: RefundType | None
    policy_id: str
    policy_version: int
    facts: LineFacts


class Cancellation(Value):
    """A cancellation as the API shows it; contact data appear on the ticket only."""

    id: str
    order_id: str
    order_number: int
    line_id: str
    software_id: str
    partner_id: str
    customer_id: str
    requester_id: str
    received_at: AwareDatetime
    window_closes_at: AwareDatetime
    status: CancellationStatus
    reason: str
    reason_code: str | None = None
    quantity: int
    units: tuple[int, ...] = Field(
        default=(), description="The numbers of the units, where each has a key of its own."
    )
    requested_amount: Money
    ticket_id: str | None = None
    ticket_number: int | None = None
    verdict: Verdict | None = None
    decision_id: str | None = None
    undo_until: AwareDatetime | None = Field(
        default=None, description="While it is approved: until when that can be taken back."
    )
    approvals_needed: int = Field(default=1, description="0 where the policy itself approves.")
    approvals: tuple[Approval, ...] = Field(
        default=(), description="Those given so far, where several are needed."
    )
    credit_id: str | None = None
    workflow_id: str
    revision: int = Field(
        description="Grows with everything that happens on the order; a decision may name it."
    )


class CancellationInput(Message):
    """What starts CancellationWorkflow: ids only; the form stays in the database."""

    cancellation_id: str
    order_id: str
    order_number: int
    line_id: str
    requester_id: str
    customer_tenant: str
    customer_name: str


class Assessment(Message):
    """The verdict of `validate_window`, with the approval plan that the frozen policy prescribes."""

    eligible: bool
    reason: IneligibilityReason | None = None
    credit_minor: int
    requested_minor: int
    currency: str
    deadline: AwareDatetime
    mode: ApprovalMode
    remind_after: tuple[timedelta, ...]
    escalate_after: timedelta
    expire_after: timedelta
    approvals_needed: int = 1


class CancellationStage(StrEnum):
    """Where CancellationWorkflow is, in words operators read and search for (search attribute KeydeskStage)."""

    VALIDATING = "validating window"
    OPENING_TICKET = "creating ticket"
    WAITING_FOR_APPROVAL = "waiting for approval"
    WAITING_FOR_REQUESTER = "waiting for requester"
    UNDOABLE = "approved, can be undone"
    SUSPENDING_KEY = "suspending key"
    BOOKING_CREDIT = "booking credit"
    REVOKING_KEY = "revoking key"
    CLOSING_TICKET = "closing ticket"
    COMPENSATING = "compensating"
    COMPLETED = "completed"
    INELIGIBLE = "ineligible"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    COMPENSATED = "compensated"


class CancellationState(Message):
    """The answer of the `status` query."""

    cancellation_id: str
    stage: CancellationStage
    ticket_number: int | None = None
    verdict: Verdict | None = None
    needs_attention: str | None = None


class CancellationOutcome(Message):
    """How a cancellation ended."""

    cancellation_id: str
    status: CancellationStatus
    credit_minor: int = 0
    currency: str = ""


class Compensation(Message):
    """The verdict of `compensate_cancellation`: ended, or too late because the credit is booked."""

    compensated: bool


class OperatorAct(Message):
    """What a `retry` or `compensate` update carries."""

    act_id: str
    actor_id: str
