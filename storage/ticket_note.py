"""Notes on tickets: written once, read by those they are meant for, and the questions among them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_

from models.cancellation import CancellationStatus
from models.errors import Invalid, NotFound, Refused
from models.principal import Principal
from models.step import Done, Step
from models.tables.column import table
from models.tables.ticket import TicketNoteRow
from models.ticket import Audience, CustomerNote, TicketKind, TicketNote
from rules.permission import may_see_internal
from rules.ticket import is_response
from storage.case import cancellations, tickets
from storage.effect import Effect, perform
from storage.engine import Database
from storage.first_response import note_response
from storage.scope import within

notes = table(TicketNoteRow)


def stream_of(ticket: Row[Any]) -> str:
    """The stream that a ticket's effects stand in: its order's, or an inquiry's own."""
    stream: str = ticket.id if ticket.kind == TicketKind.INQUIRY else ticket.order_id
    return stream


def find_row(connection: Connection, principal: Principal, ticket_id: str) -> Row[Any]:
    """A ticket within the caller's sight with its case's status, or NotFound."""
    query = (
        select(
            tickets.c.id,
            tickets.c.number,
            tickets.c.kind,
            tickets.c.order_id,
            tickets.c.partner_id,
            tickets.c.customer_id,
            tickets.c.cancellation_id,
            tickets.c.opened_by,
            tickets.c.assignee_id,
            tickets.c.waiting_for_requester,
            tickets.c.resolved_at,
            tickets.c.closes_at,
            tickets.c.closed_at,
            cancellations.c.status.label("case_status"),
        )
        .outerjoin(cancellations, cancellations.c.id == tickets.c.cancellation_id)
        .where(tickets.c.id == ticket_id)
    )
    row = connection.execute(within(query, tickets, principal)).one_or_none()
    if row is None:
        raise NotFound("ticket")
    return row


def write_note(database: Database, principal: Principal, ticket_id: str, note: TicketNote) -> Done:
    """Add a note, once per id, to a ticket the caller may see; one to who asked stops the response clock."""
    with database.reading() as connection:
        stream = stream_of(find_row(connection, principal, ticket_id))

    def work(effect: Effect) -> Done:
        ticket = find_row(effect.connection, principal, ticket_id)
        effect.belongs_to(ticket.partner_id, ticket.customer_id)
        _require_reader(ticket, note.audience)
        add_note(effect.connection, ticket_id, note)
        if is_response(principal, ticket.opened_by, note.audience):
            note_response(effect.connection, ticket_id, note.author_id, note.written_at)
        effect.audit(note.author_id, "ticket.noted", ticket_id, audience=note.audience)
        return effect.conclude(
            note.author_id,
            f"A note was written on ticket {ticket.number}.",
            Done(),
            cancellation_id=ticket.cancellation_id,
        )

    step = Step(subject_id=note.id, order_id=stream, at=note.written_at)
    return perform(database, step, "write_note", Done, work)


def add_note(connection: Connection, ticket_id: str, note: TicketNote) -> None:
    """Write the note in the transaction of what it belongs to."""
    connection.execute(insert(notes).values(**note.model_dump(), ticket_id=ticket_id))


def _require_reader(ticket: Row[Any], audience: Audience) -> None:
    if audience is Audience.CUSTOMER and ticket.customer_id is None:
        raise Invalid(
            "no_customer", "This ticket concerns no customer, so no customer can read the note."
        )


def notes_of(
    connection: Connection, principal: Principal, ticket_id: str
) -> tuple[TicketNote, ...]:
    """A ticket's notes in their order; those between house staff for house staff only."""
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


def notes_for_customer(
    connection: Connection,
    customer_id: str,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[CustomerNote]:
    """What was written for a customer on any ticket, newest first; the caller's sight of them was checked before."""
    key = (notes.c.written_at, notes.c.id)
    query = (
        select(
            notes.c.id, tickets.c.number.label("ticket_number"), notes.c.text, notes.c.written_at
        )
        .join(tickets, tickets.c.id == notes.c.ticket_id)
        .where(tickets.c.customer_id == customer_id, notes.c.audience == Audience.CUSTOMER)
        .order_by(key[0].desc(), key[1].desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return [CustomerNote.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def require_conversation(
    connection: Connection, principal: Principal, ticket_id: str, note_id: str, *, question: bool
) -> None:
    """Refused, before anything is written, unless the ticket takes a question (or an answer) now.

    A note that is written already is a repeat of an accepted request, so it passes.
    """
    if connection.execute(select(notes.c.id).where(notes.c.id == note_id)).first():
        return
    row = find_row(connection, principal, ticket_id)
    if row.closed_at is not None:
        raise Refused("case_closed", "The case is closed.")
    if question and row.case_status != CancellationStatus.PENDING_APPROVAL:
        raise Refused("not_waiting", "The case does not wait for a decision yet.")
    if not question and not row.waiting_for_requester:
        raise Refused("no_question_open", "No question is open on this case.")
