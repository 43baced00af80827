"""Tickets: the description the seed's form asks for, the status that follows from the facts, the first response."""

from datetime import datetime, timedelta

from models.cancellation import CancellationStatus
from models.money import Money
from models.principal import Principal, Role
from models.ticket import Audience, ResponseState, TicketStatus

REOPEN_WITHIN = timedelta(days=7)
"""How long a resolved inquiry can be reopened before it closes."""

_STATUSES: dict[CancellationStatus, TicketStatus] = {
    CancellationStatus.RECEIVED: TicketStatus.OPEN,
    CancellationStatus.PENDING_APPROVAL: TicketStatus.WAITING_FOR_APPROVAL,
    CancellationStatus.APPROVED: TicketStatus.OPEN,
    CancellationStatus.CREDITED: TicketStatus.RESOLVED,
    CancellationStatus.COMPLETED: TicketStatus.CLOSED,
    CancellationStatus.INELIGIBLE: TicketStatus.CLOSED,
    CancellationStatus.DECLINED: TicketStatus.CLOSED,
    CancellationStatus.WITHDRAWN: TicketStatus.CLOSED,
    CancellationStatus.EXPIRED: TicketStatus.CLOSED,
    CancellationStatus.COMPENSATED: TicketStatus.CLOSED,
}


def compose_description(
    *,
    customer_tenant: str,
    customer_domain: str,
    order_number: int,
    order_id: str,
    reason: str,
    amount: Money,
    part: str | None = None,
) -> str:
    """The four things the form must hold, tenant, order, amount and reason, and `part` if not all units go."""
    # The reason is free text and comes last, so that nothing typed there can pose as another field.
    return "\n".join(
        (
            f"Customer tenant: {customer_tenant} ({customer_domain})",
            f"Order: {order_number} ({order_id})",
            *([] if part is None else [f"Product: {part}"]),
            f"Amount requested: {amount}",
            f"Reason for the refund: {reason}",
        )
    )


def status_of(
    status: CancellationStatus, *, waiting_for_requester: bool, needs_attention: bool
) -> TicketStatus:
    """The ticket's status; a closed case needs nobody, and only a case awaiting a decision awaits an answer."""
    derived = _STATUSES[status]
    if needs_attention and derived is not TicketStatus.CLOSED:
        return TicketStatus.NEEDS_ATTENTION
    if waiting_for_requester and derived is TicketStatus.WAITING_FOR_APPROVAL:
        return TicketStatus.WAITING_FOR_REQUESTER
    return derived


def status_of_inquiry(
    *, resolved: bool, waiting_for_requester: bool, needs_attention: bool
) -> TicketStatus:
    """The status of an inquiry that is not closed."""
    if resolved:
        return TicketStatus.RESOLVED
    if needs_attention:
        return TicketStatus.NEEDS_ATTENTION
    return TicketStatus.WAITING_FOR_REQUESTER if waiting_for_requester else TicketStatus.OPEN


def response_state(
    *, respond_by: datetime, answered_at: datetime | None, now: datetime
) -> ResponseState:
    """How the clock stands; `answered_at` is the first response or, of a ticket that needed none, its end."""
    if (answered_at or now) > respond_by:
        return ResponseState.LATE
    return ResponseState.DUE if answered_at is None else ResponseState.MET


def is_response(author: Principal, opened_by: str, audience: Audience) -> bool:
    """Whether a note stops the clock: it reaches who asked, and comes from the house or an approver."""
    if author.user_id == opened_by or audience is Audience.INTERNAL:
        return False
    return author.is_staff or Role.REFUND_APPROVER in author.roles
