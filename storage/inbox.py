"""The inbox in the book: every event once, first written, then delivered."""

from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import Conflict
from models.event import InboxStatus
from models.inbox import InboxItem
from models.tables.column import table
from models.tables.record import InboxRow
from storage.engine import Database

events = table(InboxRow)

LEASE = timedelta(seconds=30)
"""How long a relay may hold an event before another one takes it."""
_FIRST_RETRY = timedelta(seconds=2)
_LONGEST_RETRY = timedelta(minutes=5)
_MAX_ATTEMPTS = 200
"""More than half a day of trying; then an operator looks at it (`parked`)."""


def receive(
    database: Database,
    *,
    source: str,
    event_id: str,
    event_type: str,
    body_sha256: bytes,
    data: dict[str, Any],
    resource_id: str,
    received_at: datetime,
) -> Literal["accepted", "duplicate"]:
    """Write the event down; the same id with the same body is a duplicate, with another body a Conflict."""
    with database.transaction() as connection:
        written = connection.execute(
            upsert(events)
            .values(
                source=source,
                event_id=event_id,
                type=event_type,
                body_sha256=body_sha256,
                data=data,
                received_at=received_at,
                resource_id=resource_id,
                status=InboxStatus.RECEIVED,
                attempts=0,
                next_attempt_at=received_at,
            )
            .on_conflict_do_nothing(index_elements=["source", "event_id"])
            .returning(events.c.event_id)
        ).one_or_none()
        if written is not None:
            return "accepted"
        _require_same_body(connection, source, event_id, body_sha256)
        return "duplicate"


def _require_same_body(
    connection: Connection, source: str, event_id: str, body_sha256: bytes
) -> None:
    first = connection.execute(
        select(events.c.body_sha256).where(events.c.source == source, events.c.event_id == event_id)
    ).scalar_one()
    if bytes(first) != body_sha256:
        raise Conflict(
            "event_id_reused",
            "An event with this id came before with another body; the first one stands.",
        )


def claim_due(database: Database, now: datetime, limit: int) -> list[InboxItem]:
    """Take what is due, oldest first, under a lease: a relay that dies gives it back by time."""
    due = (
        select(events.c.source, events.c.event_id)
        .where(events.c.status == InboxStatus.RECEIVED, events.c.next_attempt_at <= now)
        .order_by(events.c.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    with database.transaction() as connection:
        keys = [tuple(row) for row in connection.execute(due)]
        if not keys:
            return []
        claimed = connection.execute(
            update(events)
            .where(tuple_(events.c.source, events.c.event_id).in_(keys))
            .values(next_attempt_at=now + LEASE, attempts=events.c.attempts + 1)
            .returning(events)
        )
        items = [
            InboxItem(
                source=row.source,
                event_id=row.event_id,
                type=row.type,
                data=row.data,
                received_at=row.received_at,
                resource_id=row.resource_id,
                attempts=row.attempts,
            )
            for row in claimed
        ]
    return sorted(items, key=lambda item: item.received_at)


def mark_done(database: Database, item: InboxItem, outcome: dict[str, Any]) -> None:
    """The desk did it."""
    _mark(database, item, status=InboxStatus.DONE, outcome=outcome)


def mark_rejected(database: Database, item: InboxItem, outcome: dict[str, Any]) -> None:
    """A rule said no; `outcome` says which and why."""
    _mark(database, item, status=InboxStatus.REJECTED, outcome=outcome)


def mark_retry(database: Database, item: InboxItem, code: str, now: datetime) -> None:
    """A neighbour was away; later again, and after very many tries to an operator."""
    if item.attempts >= _MAX_ATTEMPTS:
        _mark(database, item, status=InboxStatus.PARKED, outcome={"code": code})
        return
    wait = min(_FIRST_RETRY * 2 ** min(item.attempts - 1, 10), _LONGEST_RETRY)
    _mark(database, item, next_attempt_at=now + wait, outcome={"code": code})


def _mark(database: Database, item: InboxItem, **values: Any) -> None:
    """A verdict stands: whoever held the event too long, and comes second, changes nothing."""
    with database.transaction() as connection:
        connection.execute(
            update(events)
            .where(
                events.c.source == item.source,
                events.c.event_id == item.event_id,
                events.c.status == InboxStatus.RECEIVED,
            )
            .values(**values)
        )
