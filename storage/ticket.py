"""Tickets in the book: opening, questions, reminders, attention flags, closing."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, update

from models.cancellation import CancellationStatus
from models.ids import SYSTEM_USER, Prefix, new_id
from models.money import Money
from models.notice import NoticeKind
from models.outgoing import CancellationOpened
from models.step import Done, NumberedStep, Step
from models.ticket import (
    PROBLEM_TYPE_TITLES,
    Impact,
    NoteRef,
    ProblemType,
    TicketKind,
    TicketReceipt,
)
from rules.ticket import compose_description
from storage import case as case_book
from storage import order as order_book
from storage import principal as people
from storage.approval import rule_of
from storage.effect import Effect, perform
from storage.engine import Database
from storage.first_response import note_response, response_due

tickets = case_book.tickets
SHOWN = [column for column in tickets.c if column.name != "words"]
"""A ticket without the words that it is found by."""


def create_ticket(database: Database, step: Step) -> TicketReceipt:
    """Open the seed's ticket for an eligible cancellation and tell requester and approvers."""

    def work(effect: Effect) -> TicketReceipt:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        due = response_due(connection, case.partner_id, Impact(case.impact), step.at)
        ticket = connection.execute(
            insert(tickets).values(_cancellation_ticket(case, step.at, due)).returning(*SHOWN)
        ).one()
        case_book.set_status(connection, step, CancellationStatus.PENDING_APPROVAL)
        facts = case_book.facts(case) | {
            "ticket_id": ticket.id,
            "ticket_number": ticket.number,
            "respond_by": ticket.respond_by.isoformat(),
        }
        effect.tell(NoticeKind.CANCELLATION_RECEIVED, [case.requester_id], **facts)
        if rule_of(case).approvals_needed:
            effect.tell(
                NoticeKind.APPROVAL_NEEDED,
                people.approvers_for(connection, case.partner_id),
                **facts,
            )
        effect.publish(
            CancellationOpened(
                cancellation_id=case.id,
                order_id=case.order_id,
                software_id=case.software_id,
                quantity=case.quantity,
                ticket_id=ticket.id,
            )
        )
        effect.audit(SYSTEM_USER, "ticket.opened", ticket.id)
        return effect.conclude(
            SYSTEM_USER,
            f"Ticket {ticket.number} was opened.",
            TicketReceipt(ticket_id=ticket.id, ticket_number=ticket.number),
            cancellation_id=case.id,
        )

    return perform(database, step, "create_ticket", TicketReceipt, work)


def _cancellation_ticket(case: Row[Any], at: datetime, due: datetime) -> dict[str, Any]:
    problem = ProblemType.CSP_PURCHASE_AND_REFUND
    amount = Money(amount_minor=case.requested_minor, currency=case.currency)
    return {
        "id": new_id(Prefix.TICKET),
        "kind": TicketKind.CANCELLATION,
        "problem_type": problem,
        "cancellation_id": case.id,
        "line_id": case.line_id,
        "order_id": case.order_id,
        "partner_id": case.partner_id,
        "customer_id": case.customer_id,
        "impact": case.impact,
        "title": case.title or f"Cancel {case_book.product(case)} of order {case.order_number}",
        "description": compose_description(
            customer_tenant=case.customer_tenant,
            customer_domain=case.customer_domain,
            order_number=case.order_number,
            order_id=case.order_id,
            reason=case.reason,
            amount=amount,
            part=None if case.quantity == case.line_quantity else case_book.product(case),
        ),
        "reason": case.reason,
        "requested_minor": case.requested_minor,
        "currency": case.currency,
        "contact_name": case.contact_name,
        "contact_email": case.contact_email,
        "contact_phone": case.contact_phone,
        "opened_by": case.requester_id,
        "opened_at": at,
        "respond_by": due,
        "waiting_for_requester": False,
    }


def remind_approvers(database: Database, step: NumberedStep) -> Done:
    """Remind everybody who may decide."""
    return _nudge(database, step, f"remind_approvers:{step.number}", NoticeKind.APPROVAL_REMINDER)


def escalate_ticket(database: Database, step: Step) -> Done:
    """Tell the operators beside the approvers that a case waits too long."""
    return _nudge(database, step, "escalate_ticket", NoticeKind.APPROVAL_ESCALATED)


def _nudge(database: Database, step: Step, name: str, kind: NoticeKind) -> Done:
    escalated = kind is NoticeKind.APPROVAL_ESCALATED

    def work(effect: Effect) -> Done:
        case = case_book.load_case(effect.connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        readers = set(people.approvers_for(effect.connection, case.partner_id))
        if escalated:
            readers |= set(people.operators(effect.connection))
        effect.tell(kind, sorted(readers), **case_book.facts(case))
        if escalated:
            _set(effect.connection, case.ticket_id, escalated_at=step.at)
        effect.audit(SYSTEM_USER, f"ticket.{kind}", case.ticket_id)
        sentence = "The case was escalated." if escalated else "The approvers were reminded."
        return effect.conclude(SYSTEM_USER, sentence, Done(), cancellation_id=case.id)

    return perform(database, step, name, Done, work)


def ask_requester(database: Database, step: Step, note: NoteRef) -> Done:
    """Mark the ticket as waiting for the requester and tell them; the question is a note already."""

    def work(effect: Effect) -> Done:
        case = case_book.load_case(effect.connection, step.subject_id)
        if case.status != CancellationStatus.PENDING_APPROVAL:
            # A decision was faster; a closed case is not asked and does not wait.
            return Done(done=False)
        effect.belongs_to(case.partner_id, case.customer_id)
        _set(effect.connection, case.ticket_id, waiting_for_requester=True)
        note_response(effect.connection, case.ticket_id, note.actor_id, step.at)
        effect.tell(NoticeKind.QUESTION_ASKED, [case.requester_id], **case_book.facts(case))
        effect.audit(note.actor_id, "ticket.question_asked", case.ticket_id, note_id=note.note_id)
        return effect.conclude(
            note.actor_id, "The requester was asked a question.", Done(), cancellation_id=case.id
        )

    return perform(database, step, f"ask_requester:{note.note_id}", Done, work)


def take_answer(database: Database, step: Step, note: NoteRef) -> Done:
    """Mark the ticket as waiting for approval again and tell the approvers."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        if case.status != CancellationStatus.PENDING_APPROVAL:
            return Done(done=False)
        effect.belongs_to(case.partner_id, case.customer_id)
        _set(connection, case.ticket_id, waiting_for_requester=False)
        approvers = people.approvers_for(connection, case.partner_id)
        effect.tell(NoticeKind.QUESTION_ANSWERED, approvers, **case_book.facts(case))
        effect.audit(
            note.actor_id, "ticket.question_answered", case.ticket_id, note_id=note.note_id
        )
        return effect.conclude(
            note.actor_id, "The requester answered.", Done(), cancellation_id=case.id
        )

    return perform(database, step, f"take_answer:{note.note_id}", Done, work)


def _set(connection: Connection, ticket_id: str, **values: Any) -> None:
    connection.execute(update(tickets).where(tickets.c.id == ticket_id).values(**values))


def flag_attention(database: Database, step: NumberedStep, problem: str | None) -> Done:
    """Show on the ticket, and tell the operators, that a step keeps failing; None takes the flag back."""

    def work(effect: Effect) -> Done:
        case = case_book.load_case(effect.connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        effect.connection.execute(
            update(tickets)
            .where(tickets.c.id == case.ticket_id, tickets.c.closed_at.is_(None))
            .values(needs_attention=problem)
        )
        if problem is not None:
            operators = people.operators(effect.connection)
            effect.tell(
                NoticeKind.NEEDS_ATTENTION, operators, **case_book.facts(case), problem=problem
            )
        action = "ticket.recovered" if problem is None else "ticket.needs_attention"
        effect.audit(SYSTEM_USER, action, case.ticket_id, problem=problem)
        sentence = problem or "The failing step works again."
        return effect.conclude(SYSTEM_USER, sentence, Done(), cancellation_id=case.id)

    return perform(database, step, f"flag_attention:{step.number}", Done, work)


def close(connection: Connection, ticket_id: str | None, at: datetime) -> None:
    """Close a ticket in the transaction that ends its case."""
    connection.execute(
        update(tickets)
        .where(tickets.c.id == ticket_id, tickets.c.closed_at.is_(None))
        .values(closed_at=at, waiting_for_requester=False, needs_attention=None)
    )


def close_ticket(database: Database, step: Step) -> Done:
    """Complete the case: credit booked and key revoked, so close its ticket and tell the requester."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        case = case_book.load_case(connection, step.subject_id)
        effect.belongs_to(case.partner_id, case.customer_id)
        close(connection, case.ticket_id, step.at)
        case_book.set_status(connection, step, CancellationStatus.COMPLETED)
        credited = Money(amount_minor=case.approved_minor, currency=case.currency)
        effect.tell(
            NoticeKind.CANCELLATION_COMPLETED,
            [case.requester_id],
            **case_book.facts(case),
            credited=credited.model_dump(),
            credit_number=case.credit_number,
            units_left=case.line_quantity - case.cancelled_quantity,
        )
        effect.audit(SYSTEM_USER, "cancellation.completed", case.id)
        return effect.conclude(
            SYSTEM_USER, f"Ticket {case.ticket_number} was closed.", Done(), cancellation_id=case.id
        )

    return perform(database, step, "close_ticket", Done, work)


def open_stock_incident(database: Database, step: Step, missing_skus: tuple[str, ...]) -> Done:
    """Open an incident for an order that waits for keys, and tell the operators."""

    def work(effect: Effect) -> Done:
        connection = effect.connection
        order = order_book.load(connection, step.order_id)
        effect.belongs_to(order.partner_id, order.customer_id)
        skus = ", ".join(missing_skus)
        problem = ProblemType.KEY_STOCK
        ticket = connection.execute(
            insert(tickets)
            .values(
                id=new_id(Prefix.TICKET),
                kind=TicketKind.INCIDENT,
                problem_type=problem,
                order_id=order.id,
                partner_id=order.partner_id,
                customer_id=order.customer_id,
                impact=Impact.CRITICAL,
                title=f"{PROBLEM_TYPE_TITLES[problem]}: order {order.number} waits",
                description=f"No free product key for {skus}. Import keys; the order goes on by itself.",
                opened_by=SYSTEM_USER,
                opened_at=step.at,
                respond_by=response_due(connection, order.partner_id, Impact.CRITICAL, step.at),
                waiting_for_requester=False,
            )
            .returning(*SHOWN)
        ).one()
        facts = order_book.facts(order) | {"ticket_number": ticket.number, "skus": skus}
        effect.tell(NoticeKind.STOCK_MISSING, people.operators(connection), **facts)
        effect.audit(SYSTEM_USER, "ticket.incident_opened", ticket.id, skus=list(missing_skus))
        return effect.conclude(
            SYSTEM_USER, f"No key in stock for {skus}; incident {ticket.number} was opened.", Done()
        )

    return perform(database, step, "open_stock_incident", Done, work)


def close_incident(connection: Connection, order_id: str, at: datetime) -> None:
    """Close the order's stock incident, if one is open."""
    connection.execute(
        update(tickets)
        .where(
            tickets.c.order_id == order_id,
            tickets.c.kind == TicketKind.INCIDENT,
            tickets.c.closed_at.is_(None),
        )
        .values(closed_at=at)
    )
