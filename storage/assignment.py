"""Whose work a ticket is: given to an approver or operator who sees it, or back to everybody."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, update

from models.errors import Invalid, Refused
from models.notice import NoticeKind
from models.principal import Principal
from models.step import Done, Step
from models.ticket import TicketKind
from rules.permission import may_handle
from storage import principal as people
from storage.case import tickets
from storage.effect import Effect, perform
from storage.engine import Database
from storage.ticket_facts import ticket_facts
from storage.ticket_note import find_row


def assign_ticket(
    database: Database,
    principal: Principal,
    ticket_id: str,
    assignee_id: str | None,
    act_id: str,
    at: datetime,
) -> Done:
    """Give an open ticket to somebody who may handle it, and tell them; None takes it from whoever has it.

    The act stands in the ticket's own stream: who looks after a case is no news about the case.
    """

    def work(effect: Effect) -> Done:
        ticket = find_row(effect.connection, principal, ticket_id)
        effect.belongs_to(ticket.partner_id, ticket.customer_id)
        _require_handler(effect.connection, ticket, assignee_id)
        _give(effect.connection, ticket_id, assignee_id)
        if assignee_id not in (None, principal.user_id):
            facts = ticket_facts(effect.connection, ticket_id)
            effect.tell(NoticeKind.TICKET_ASSIGNED, [assignee_id], **facts)
        effect.audit(
            principal.user_id,
            "ticket.assigned",
            ticket_id,
            assignee=assignee_id,
            was=ticket.assignee_id,
        )
        return effect.conclude(principal.user_id, _sentence(ticket, assignee_id), Done())

    step = Step(subject_id=act_id, order_id=ticket_id, at=at)
    return perform(database, step, "assign_ticket", Done, work)


def _require_handler(connection: Connection, ticket: Row[Any], assignee_id: str | None) -> None:
    if assignee_id is None:
        return
    person = people.principal_of(connection, assignee_id)
    if person is None or not may_handle(person, ticket.partner_id):
        raise Invalid(
            "not_a_handler",
            "A ticket is given to an approver or operator who is active and sees it.",
        )
    if ticket.kind == TicketKind.CANCELLATION and assignee_id == ticket.opened_by:
        raise Refused(
            "own_request_assigned", "Whoever asked for a cancellation does not handle it."
        )


def _give(connection: Connection, ticket_id: str, assignee_id: str | None) -> None:
    given = connection.execute(
        update(tickets)
        .where(tickets.c.id == ticket_id, tickets.c.closed_at.is_(None))
        .values(assignee_id=assignee_id)
    )
    if given.rowcount == 0:
        raise Refused("ticket_closed", "The ticket is closed for good; open a new one.")


def _sentence(ticket: Row[Any], assignee_id: str | None) -> str:
    if assignee_id is None:
        return f"Ticket {ticket.number} was given back."
    return f"Ticket {ticket.number} was assigned."
