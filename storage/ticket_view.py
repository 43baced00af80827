"""Tickets as the doors show them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from models.money import Money
from models.principal import Principal
from models.ticket import Contact, Impact, Ticket, TicketKind, TicketNote, TicketStatus
from rules.permission import may_see_internal
from rules.ticket import response_state, status_of, status_of_inquiry
from storage.case import cancellations, customers, orders, tickets
from storage.outside_ticket import find_outside
from storage.scope import within
from storage.ticket import SHOWN
from storage.ticket_note import notes_of

TICKET: Select[Any] = (
    select(
        *SHOWN,
        orders.c.number.label("order_number"),
        customers.c.tenant_id.label("customer_tenant"),
        customers.c.name.label("customer_name"),
        cancellations.c.status.label("case_status"),
    )
    .outerjoin(orders, orders.c.id == tickets.c.order_id)
    .outerjoin(customers, customers.c.id == tickets.c.customer_id)
    .outerjoin(cancellations, cancellations.c.id == tickets.c.cancellation_id)
)


def find_ticket(
    connection: Connection, principal: Principal, ticket_id: str, now: datetime
) -> Ticket | None:
    """One ticket the caller may see, with the notes meant for them."""
    query = within(TICKET.where(tickets.c.id == ticket_id), tickets, principal)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    ticket = ticket_of(row, notes_of(connection, principal, ticket_id), now)
    if not may_see_internal(principal):
        return ticket
    return ticket.model_copy(update={"outside_ticket": find_outside(connection, ticket_id)})


def _status(row: Row[Any]) -> TicketStatus:
    if row.closed_at is not None:
        return TicketStatus.CLOSED
    if row.kind == TicketKind.INQUIRY:
        return status_of_inquiry(
            resolved=row.resolved_at is not None,
            waiting_for_requester=row.waiting_for_requester,
            needs_attention=row.needs_attention is not None,
        )
    if row.case_status is None:
        return TicketStatus.NEEDS_ATTENTION
    return status_of(
        row.case_status,
        waiting_for_requester=row.waiting_for_requester,
        needs_attention=row.needs_attention is not None,
    )


def ticket_of(row: Row[Any], written: tuple[TicketNote, ...], now: datetime) -> Ticket:
    """A row of TICKET as a ticket whose clock is read at that instant."""
    contact = None
    if row.contact_name is not None:
        contact = Contact(name=row.contact_name, email=row.contact_email, phone=row.contact_phone)
    amount = None
    if row.requested_minor is not None:
        amount = Money(amount_minor=row.requested_minor, currency=row.currency)
    return Ticket(
        id=row.id,
        number=row.number,
        kind=row.kind,
        status=_status(row),
        problem_type=row.problem_type,
        impact=row.impact,
        severity=Impact(row.impact).severity,
        title=row.title,
        description=row.description,
        cancellation_id=row.cancellation_id,
        order_id=row.order_id,
        order_number=row.order_number,
        partner_id=row.partner_id,
        customer_id=row.customer_id,
        customer_tenant=row.customer_tenant,
        customer_name=row.customer_name,
        requested_amount=amount,
        reason=row.reason,
        contact=contact,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        respond_by=row.respond_by,
        response=response_state(
            respond_by=row.respond_by, answered_at=row.first_response_at or row.closed_at, now=now
        ),
        first_response_at=row.first_response_at,
        first_response_by=row.first_response_by,
        assignee_id=row.assignee_id,
        escalated_at=row.escalated_at,
        resolved_at=row.resolved_at,
        closes_at=row.closes_at,
        closed_at=row.closed_at,
        notes=written,
    )
