"""Inquiries in the book: opened, asked about and answered, resolved, reopened, and closed when their time is up."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from models.errors import Forbidden, Refused
from models.ids import SYSTEM_USER
from models.inquiry import InquiryDraft
from models.notice import NoticeKind
from models.principal import Principal
from models.step import Done, Step
from models.ticket import TicketKind, TicketNote
from rules.ticket import REOPEN_WITHIN, is_response
from storage import principal as people
from storage.case import tickets
from storage.effect import Effect, perform
from storage.engine import Database
from storage.first_response import note_response, response_due
from storage.inquiry_form import place_of
from storage.ticket_facts import ticket_facts
from storage.ticket_note import add_note, find_row


def open_inquiry(
    database: Database, draft: InquiryDraft, ticket_id: str, principal: Principal, at: datetime
) -> Done:
    """Open the ticket and tell the operators; NotFound for an order, customer or partner out of sight."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        partner_id, customer_id = place_of(connection, draft, principal)
        effect.belongs_to(partner_id, customer_id)
        due = response_due(connection, partner_id, draft.impact, at)
        contact = draft.contact
        number = connection.execute(
            insert(tickets)
            .values(
                id=ticket_id,
                kind=TicketKind.INQUIRY,
                problem_type=draft.problem_type,
                order_id=draft.order_id,
                partner_id=partner_id,
                customer_id=customer_id,
                impact=draft.impact,
                title=draft.title,
                description=draft.description,
                contact_name=contact.name,
                contact_email=contact.email,
                contact_phone=contact.phone,
                opened_by=principal.user_id,
                opened_at=at,
                respond_by=due,
                waiting_for_requester=False,
            )
            .returning(tickets.c.number)
        ).scalar_one()
        readers = [person for person in people.operators(connection) if person != principal.user_id]
        effect.tell(NoticeKind.INQUIRY_OPENED, readers, **ticket_facts(connection, ticket_id))
        effect.audit(principal.user_id, "ticket.inquiry_opened", ticket_id)
        return effect.conclude(principal.user_id, f"Ticket {number} was opened.", Done())

    step = Step(subject_id=ticket_id, order_id=ticket_id, at=at)
    return perform(database, step, "open_inquiry", Done, work)


def ask_opener(database: Database, principal: Principal, ticket_id: str, note: TicketNote) -> Done:
    """Put a question to who opened the inquiry; it then waits for them."""

    def work(effect: Effect, ticket: Row[Any]) -> str:
        _require_open(ticket)
        if ticket.opened_by == principal.user_id:
            raise Forbidden("own_request", "Whoever opened a ticket is not asked by themselves.")
        _say(effect, principal, ticket, note)
        _set(effect, ticket_id, waiting_for_requester=True)
        _tell(effect, NoticeKind.INQUIRY_ASKED, ticket_id, [ticket.opened_by], principal)
        effect.audit(principal.user_id, "ticket.question_asked", ticket_id, note_id=note.id)
        return "The requester was asked a question."

    return _act(database, principal, ticket_id, note.id, "ask_opener", note.written_at, work)


def answer_inquiry(
    database: Database, principal: Principal, ticket_id: str, note: TicketNote
) -> Done:
    """Take the answer to the open question, from the partner's people or who opened the inquiry."""

    def work(effect: Effect, ticket: Row[Any]) -> str:
        _require_open(ticket)
        if not ticket.waiting_for_requester:
            raise Refused("no_question_open", "No question is open on this ticket.")
        if principal.is_staff and principal.user_id != ticket.opened_by:
            raise Forbidden("forbidden", "The partner answers, or whoever opened the ticket.")
        _say(effect, principal, ticket, note)
        _set(effect, ticket_id, waiting_for_requester=False)
        _tell_handlers(effect, ticket, principal, reopened=False)
        effect.audit(principal.user_id, "ticket.question_answered", ticket_id, note_id=note.id)
        return "The requester answered."

    return _act(database, principal, ticket_id, note.id, "answer_inquiry", note.written_at, work)


def resolve_inquiry(
    database: Database, principal: Principal, ticket_id: str, note: TicketNote
) -> Done:
    """State that it is done, and how; it can be reopened for a week and closes then."""

    def work(effect: Effect, ticket: Row[Any]) -> str:
        _require_open(ticket)
        _say(effect, principal, ticket, note)
        closes_at = note.written_at + REOPEN_WITHIN
        _set(
            effect,
            ticket_id,
            resolved_at=note.written_at,
            closes_at=closes_at,
            waiting_for_requester=False,
        )
        _tell(
            effect,
            NoticeKind.INQUIRY_RESOLVED,
            ticket_id,
            [ticket.opened_by],
            principal,
            closes_at=closes_at.isoformat(),
        )
        effect.audit(principal.user_id, "ticket.resolved", ticket_id, note_id=note.id)
        return f"Ticket {ticket.number} was resolved."

    return _act(database, principal, ticket_id, note.id, "resolve_inquiry", note.written_at, work)


def reopen_inquiry(
    database: Database, principal: Principal, ticket_id: str, note: TicketNote
) -> Done:
    """Take a resolution back before the ticket closes, and say why."""

    def work(effect: Effect, ticket: Row[Any]) -> str:
        if ticket.closed_at is not None or (ticket.closes_at or note.written_at) < note.written_at:
            raise Refused("ticket_closed", "The ticket is closed for good; open a new one.")
        if ticket.resolved_at is None:
            raise Refused("ticket_not_resolved", "The ticket is open as it is.")
        _say(effect, principal, ticket, note)
        _set(effect, ticket_id, resolved_at=None, closes_at=None)
        _tell_handlers(effect, ticket, principal, reopened=True)
        effect.audit(principal.user_id, "ticket.reopened", ticket_id, note_id=note.id)
        return f"Ticket {ticket.number} was reopened."

    return _act(database, principal, ticket_id, note.id, "reopen_inquiry", note.written_at, work)


def inquiries_due(connection: Connection, now: datetime, limit: int = 100) -> list[str]:
    """Resolved inquiries whose time to be reopened is up."""
    due = (
        select(tickets.c.id)
        .where(tickets.c.closes_at <= now, tickets.c.closed_at.is_(None))
        .order_by(tickets.c.closes_at)
        .limit(limit)
    )
    return list(connection.execute(due).scalars())


def inquiries_overdue(connection: Connection, now: datetime, limit: int = 100) -> list[str]:
    """Inquiries that nobody answered in time, and that nobody was told of."""
    overdue = (
        select(tickets.c.id)
        .where(
            tickets.c.kind == TicketKind.INQUIRY,
            tickets.c.respond_by < now,
            tickets.c.first_response_at.is_(None),
            tickets.c.escalated_at.is_(None),
            tickets.c.resolved_at.is_(None),
            tickets.c.closed_at.is_(None),
        )
        .order_by(tickets.c.respond_by)
        .limit(limit)
    )
    return list(connection.execute(overdue).scalars())


def escalate_inquiry(database: Database, ticket_id: str, now: datetime) -> Done:
    """Tell whose work it is, and the operators, that the answer is late."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        escalated = connection.execute(
            update(tickets)
            .where(
                tickets.c.id == ticket_id,
                tickets.c.first_response_at.is_(None),
                tickets.c.resolved_at.is_(None),
            )
            .values(escalated_at=now)
            .returning(tickets.c.partner_id, tickets.c.customer_id, tickets.c.assignee_id)
        ).one_or_none()
        if escalated is None:
            return Done(done=False)
        effect.belongs_to(escalated.partner_id, escalated.customer_id)
        readers = {*people.operators(connection), escalated.assignee_id} - {None}
        facts = ticket_facts(connection, ticket_id)
        effect.tell(NoticeKind.INQUIRY_OVERDUE, sorted(readers), **facts)
        effect.audit(SYSTEM_USER, "ticket.escalated", ticket_id)
        return effect.conclude(SYSTEM_USER, "The ticket was escalated.", Done())

    step = Step(subject_id=ticket_id, order_id=ticket_id, at=now)
    return perform(database, step, "escalate_inquiry", Done, work)


def close_inquiry(database: Database, ticket_id: str, now: datetime) -> Done:
    """Close it for good, unless somebody reopened it meanwhile."""

    def work(effect: Effect) -> Done:
        closed = effect.connection.execute(
            update(tickets)
            .where(
                tickets.c.id == ticket_id,
                tickets.c.closes_at <= now,
                tickets.c.closed_at.is_(None),
            )
            .values(closed_at=now)
            .returning(tickets.c.number, tickets.c.partner_id, tickets.c.customer_id)
        ).one_or_none()
        if closed is None:
            return Done(done=False)
        effect.belongs_to(closed.partner_id, closed.customer_id)
        effect.audit(SYSTEM_USER, "ticket.closed", ticket_id)
        return effect.conclude(SYSTEM_USER, f"Ticket {closed.number} was closed.", Done())

    step = Step(subject_id=ticket_id, order_id=ticket_id, at=now)
    return perform(database, step, "close_inquiry", Done, work)


def _act(
    database: Database,
    principal: Principal,
    ticket_id: str,
    act_id: str,
    name: str,
    at: datetime,
    work: Callable[[Effect, Row[Any]], str],
) -> Done:
    """One act on an inquiry, under the id of its receipt; `work` answers the sentence for the timeline."""

    def framed(effect: Effect) -> Done:
        ticket = find_row(effect.connection, principal, ticket_id)
        if ticket.kind != TicketKind.INQUIRY:
            raise Refused("not_an_inquiry", "The ticket of a case or an order ends with it.")
        effect.belongs_to(ticket.partner_id, ticket.customer_id)
        return effect.conclude(principal.user_id, work(effect, ticket), Done())

    step = Step(subject_id=act_id, order_id=ticket_id, at=at)
    return perform(database, step, name, Done, framed)


def _require_open(ticket: Row[Any]) -> None:
    if ticket.closed_at is not None:
        raise Refused("ticket_closed", "The ticket is closed for good; open a new one.")
    if ticket.resolved_at is not None:
        raise Refused("ticket_resolved", "The ticket is resolved; reopen it first.")


def _say(effect: Effect, principal: Principal, ticket: Row[Any], note: TicketNote) -> None:
    add_note(effect.connection, ticket.id, note)
    if is_response(principal, ticket.opened_by, note.audience):
        note_response(effect.connection, ticket.id, note.author_id, note.written_at)


def _set(effect: Effect, ticket_id: str, **values: Any) -> None:
    effect.connection.execute(update(tickets).where(tickets.c.id == ticket_id).values(**values))


def _tell(
    effect: Effect,
    kind: NoticeKind,
    ticket_id: str,
    readers: Sequence[str],
    principal: Principal,
    **facts: Any,
) -> None:
    """Nobody is told of what they did themselves."""
    others = [reader for reader in readers if reader != principal.user_id]
    effect.tell(kind, others, **ticket_facts(effect.connection, ticket_id), **facts)


def _tell_handlers(
    effect: Effect, ticket: Row[Any], principal: Principal, *, reopened: bool
) -> None:
    """Whose work it is, or, while it is nobody's, the operators."""
    handlers = [ticket.assignee_id] if ticket.assignee_id else people.operators(effect.connection)
    _tell(effect, NoticeKind.INQUIRY_ANSWERED, ticket.id, handlers, principal, reopened=reopened)
