"""Outside tickets in the book: which lack something, who holds them, and what the desk was told of each."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.outside_ticket import OutsideReference, OutsideWork
from models.tables.column import table
from models.tables.outside_ticket import OutsideApprovalRow, OutsideChangeRow, OutsideTicketRow
from models.ticket import OutsideTicket
from rules.outside_ticket import next_try
from storage.engine import Database
from storage.outside_work import read_work

LEASE = timedelta(minutes=5)
"""How long a claim holds; longer than everything that one ticket can lack takes to tell."""
LISTENING = timedelta(days=30)
"""How long after its end a case is still told to the desk, should somebody write a note."""

outside = table(OutsideTicketRow)
approvals = table(OutsideApprovalRow)
changes = table(OutsideChangeRow)

# Nothing is queued: the case's own timeline says what the desk has not heard, as of the transaction that did it.
_ADOPT = text("""
INSERT INTO outside_tickets (ticket_id, desk, told_effect, attempts, next_attempt_at)
SELECT t.id, :desk, (
    SELECT e.id FROM effects e WHERE e.key = t.cancellation_id || '/create_ticket'
  ), 0, CAST(:now AS timestamptz)
FROM tickets t
WHERE t.closed_at IS NULL AND t.kind = 'cancellation'
  AND NOT EXISTS (SELECT FROM outside_tickets o WHERE o.ticket_id = t.id)
ON CONFLICT DO NOTHING
""")
_DUE = text("""
SELECT o.ticket_id
FROM outside_tickets o
JOIN tickets t ON t.id = o.ticket_id
JOIN cancellations c ON c.id = t.cancellation_id
WHERE o.desk = :desk AND o.next_attempt_at <= :now
  AND (o.closed_at IS NULL OR o.closed_at > :listening_since)
  AND (
    o.number IS NULL
    OR (o.closed_at IS NULL AND t.closed_at IS NOT NULL)
    OR EXISTS (
      SELECT FROM effects e
      WHERE e.order_id = t.order_id AND e.cancellation_id = c.id AND e.id > o.told_effect
    )
    OR EXISTS (
      SELECT FROM outside_changes x JOIN inbox i ON i.source = x.desk AND i.event_id = x.event_id
      WHERE x.ticket_id = t.id AND x.answered_at IS NULL AND i.status IN ('rejected', 'parked')
    )
    OR (
      (c.status = 'pending_approval') <> EXISTS (
        SELECT FROM outside_approvals a WHERE a.ticket_id = t.id AND a.closed_at IS NULL
      )
      AND NOT EXISTS (
        SELECT FROM outside_changes x JOIN inbox i ON i.source = x.desk AND i.event_id = x.event_id
        WHERE x.ticket_id = t.id AND i.status = 'received'
      )
    )
  )
ORDER BY o.next_attempt_at
LIMIT 1
FOR UPDATE OF o SKIP LOCKED
""")


def adopt(database: Database, desk: str, now: datetime) -> int:
    """Let every open case have a copy at the desk, also those from before there was one; how many are new."""
    with database.transaction() as connection:
        return connection.execute(_ADOPT, {"desk": desk, "now": now}).rowcount


def claim_due(database: Database, desk: str, now: datetime) -> OutsideWork | None:
    """Take one ticket of which the desk lacks something; unless recorded before the lease ends, it is due again."""
    known = {"desk": desk, "now": now, "listening_since": now - LISTENING}
    with database.transaction() as connection:
        ticket_id = connection.execute(_DUE, known).scalar_one_or_none()
        if ticket_id is None:
            return None
        _set(connection, ticket_id, next_attempt_at=now + LEASE, attempts=outside.c.attempts + 1)
        return read_work(connection, ticket_id)


def record_opened(database: Database, ticket_id: str, reference: OutsideReference) -> None:
    """State where the copy stands."""
    with database.transaction("open_outside") as connection:
        _set(connection, ticket_id, number=reference.number, link=reference.link)


def record_told(database: Database, ticket_id: str, effect_id: int) -> None:
    """State how far the desk has heard the case's timeline; it never goes back."""
    with database.transaction("tell_outside") as connection:
        connection.execute(
            update(outside)
            .where(outside.c.ticket_id == ticket_id, outside.c.told_effect < effect_id)
            .values(told_effect=effect_id)
        )


def record_answered(database: Database, desk: str, number: int, at: datetime) -> None:
    """State that a person at the desk was told why their act was not taken."""
    with database.transaction("answer_outside") as connection:
        connection.execute(
            update(changes)
            .where(changes.c.desk == desk, changes.c.number == number)
            .values(answered_at=at)
        )


def record_asked(database: Database, ticket_id: str, number: str, at: datetime) -> None:
    """State that another approval was asked for."""
    desk = select(outside.c.desk).where(outside.c.ticket_id == ticket_id).scalar_subquery()
    asked = (
        select(func.count() + 1)
        .select_from(approvals)
        .where(approvals.c.ticket_id == ticket_id)
        .scalar_subquery()
    )
    with database.transaction("ask_outside") as connection:
        connection.execute(
            upsert(approvals)
            .values(desk=desk, number=number, ticket_id=ticket_id, position=asked, asked_at=at)
            .on_conflict_do_nothing(index_elements=["desk", "number"])
        )


def record_settled(database: Database, ticket_id: str, at: datetime) -> None:
    """State that the approval is needed no more."""
    with database.transaction("settle_outside") as connection:
        close_approvals(connection, ticket_id, at)


def close_approvals(connection: Connection, ticket_id: str, at: datetime) -> None:
    """Nobody is asked any longer."""
    connection.execute(
        update(approvals)
        .where(approvals.c.ticket_id == ticket_id, approvals.c.closed_at.is_(None))
        .values(closed_at=at)
    )


def record_in_step(database: Database, ticket_id: str, at: datetime, *, closed: bool) -> None:
    """State that the desk lacks nothing that was read when the ticket was claimed."""
    with database.transaction("keep_outside") as connection:
        values: dict[str, Any] = {"next_attempt_at": at, "attempts": 0, "last_error": None}
        _set(connection, ticket_id, **values, **({"closed_at": at} if closed else {}))


def record_failure(
    database: Database, ticket_id: str, error: str, *, refused: bool, at: datetime
) -> None:
    """State why the desk was not told, and plan the next try."""
    with database.transaction() as connection:
        attempts = connection.execute(
            select(outside.c.attempts).where(outside.c.ticket_id == ticket_id).with_for_update()
        ).scalar_one()
        due = next_try(attempts, at, refused=refused)
        _set(connection, ticket_id, next_attempt_at=due, last_error=error)


def _set(connection: Connection, ticket_id: str, **values: Any) -> None:
    connection.execute(update(outside).where(outside.c.ticket_id == ticket_id).values(**values))


def find_outside(connection: Connection, ticket_id: str) -> OutsideTicket | None:
    """The copy of a ticket whose sight was checked before; None where no outside desk knows of it."""
    row = connection.execute(select(outside).where(outside.c.ticket_id == ticket_id)).one_or_none()
    if row is None:
        return None
    return OutsideTicket(
        desk=row.desk,
        number=row.number,
        link=row.link,
        closed=row.closed_at is not None,
        last_error=row.last_error,
    )
