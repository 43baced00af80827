"""The clock of a ticket's first response: until when it is due, and who stopped it when."""

from datetime import datetime

from sqlalchemy import Connection, func, update

from models.ticket import Impact
from rules.calendar import respond_by
from storage.calendar import calendar_of
from storage.case import tickets


def response_due(
    connection: Connection, partner_id: str, impact: Impact, opened_at: datetime
) -> datetime:
    """Until when a ticket of this partner wants its first answer."""
    return respond_by(opened_at, impact, calendar_of(connection, partner_id))


def note_response(connection: Connection, ticket_id: str | None, by: str, at: datetime) -> None:
    """Stop the clock, unless somebody was first; nobody answers their own ticket."""
    connection.execute(
        update(tickets)
        .where(
            tickets.c.id == ticket_id,
            tickets.c.first_response_at.is_(None),
            tickets.c.opened_by != by,
        )
        # A door's clock may be behind the one that the ticket was opened by.
        .values(first_response_at=func.greatest(at, tickets.c.opened_at), first_response_by=by)
    )
