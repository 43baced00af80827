"""Tickets as the doors show them, and the notes people write."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_

from models.cancellation import CancellationStatus
from models.errors import NotFound, Refused
from models.money import Money
from models.principal import Principal
from models.step import Done, Step
from models.tables.column import table
from models.tables.ticket import TicketNoteRow
from models.ticket import Audience, Contact, Impact, Ticket, TicketNote, TicketStatus
from rules.permission import may_see_internal
from rules.ticket import status_of
from storage.case import cancellations, customers, orders, tickets
from storage.effect import Effect, perform
from storage.engine import Database
from storage.scope import within

notes = table(TicketNoteRow)

_TICKET = (
    select(
        tickets,
        orders.c.number.label("order_number"),
        customers.c.tenant_id.label("customer_tenant"),
        cancellations.c.status.label("case_status"),
    )
    .join(orders, orders.c.id == tickets.c.order_id)
    .join(customers, customers.c.id == tickets.c.customer_id)
    .outerjoin(cancellations, cancellations.c.id == tickets.c.cancellation_id)
)


def find_ticket(connection: Connection, principal: Principal, ticket_id: str) -> Ticket | None:
    """One ticket the caller may see, with the notes meant for them."""
    query = within(_TICKET.where(tickets.c.id == ticket_id), tickets, principal)
    row = connection.execute(query).one_or_none()
    return None if row is None else _ticket(row, _notes(connection, principal, ticket_id))


def list_tickets(
    connection: Connection,
    principal: Principal,
    *,
    kind: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Ticket]:
    """Newest first, without notes; `after` is the last (opened_at, id) of the page before."""
    key = (tickets.c.opened_at, tickets.c.id)
    query = _TICKET.order_by(key[0].desc(), key[1].desc()).limit(limit)
    query = within(query, tickets, principal)
    if kind is not None:
        query = query.where(tickets.c.kind == kind)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return [_ticket(row, ()) for row in connection.execute(query)]


def write_note(database: Database, principal: Principal, ticket_id: str, note: TicketNote) -> Done:
    """Add a note, once per id, to a ticket the caller may see."""
    with database.reading() as connection:
        query = select(tickets.c.order_id).where(tickets.c.id == ticket_id)
        order_id = connection.execute(within(query, tickets, principal)).scalar_one_or_none()
    if order_id is None:
        raise NotFound("ticket")

    def work(effect: Effect) -> Done:
        ticket = effect.connection.execute(select(tickets).where(tickets.c.id == ticket_id)).one()
        effect.belongs_to(ticket.partner_id, ticket.customer_id)
        effect.connection.execute(insert(notes).values(**note.model_dump(), ticket_id=ticket_id))
        effect.audit(note.author_id, "ticket.noted", ticket_id, audience=note.audience)
        return effect.conclude(
            note.author_id,
            f"A note was written on ticket {ticket.number}.",
            Done(),
            cancellation_id=ticket.cancellation_id,
        )

    step = Step(subject_id=note.id, order_id=order_id, at=note.written_at)
    return perform(database, step, "write_note", Done, work)


def require_conversation(
    connection: Connection, principal: Principal, ticket_id: str, note_id: str, *, question: bool
) -> None:
    """Refused, before anything is written, unless the ticket takes a question (or an answer) now.

    A note that is written already is a repeat of an accepted request, so it passes.
    """
    if connection.execute(select(notes.c.id).where(notes.c.id == note_id)).first():
        return
    query = within(_TICKET.where(tickets.c.id == ticket_id), tickets, principal)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("ticket")
    if row.closed_at is not None:
        raise Refused("case_closed", "The case is closed.")
    if question and row.case_status != CancellationStatus.PENDING_APPROVAL:
        raise Refused("not_waiting", "The case does not wait for a decision yet.")
    if not question and not row.waiting_for_requester:
        raise Refused("no_question_open", "No question is open on this case.")


def _notes(connection: Connection, principal: Principal, ticket_id: str) -> tuple[TicketNote, ...]:
    query = select(notes).where(notes.c.ticket_id == ticket_id).order_by(notes.c.written_at)
    if not may_see_internal(principal):
        query = query.where(notes.c.audience != Audience.INTERNAL)
    return tuple(
        TicketNote(
            id=row.id,
            author_id=row.author_id,
            audience=row.audience,
            text=row.text,
            written_at=row.written_at,
        )
        for row in connection.execute(query)
    )


def _status(row: Row[Any]) -> TicketStatus:
    if row.closed_at is not None:
        return TicketStatus.CLOSED
    if row.case_status is None:
        return TicketStatus.NEEDS_ATTENTION
    return status_of(
        row.case_status,
        waiting_for_requester=row.waiting_for_requester,
        needs_attention=row.needs_attention is not None,
    )


def _ticket(row: Row[Any], written: tuple[TicketNote, ...]) -> Ticket:
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
        requested_amount=amount,
        reason=row.reason,
        contact=contact,
        opened_at=row.opened_at,
        respond_by=row.respond_by,
        closed_at=row.closed_at,
        notes=written,
    )
