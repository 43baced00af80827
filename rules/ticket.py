"""Tickets: the description the seed's form asks for, and the status that follows from the case."""

from models.cancellation import CancellationStatus
from models.money import Money
from models.ticket import TicketStatus

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
