"""The event feed: events in the order in which they were seen to be committed, so that a reader misses none."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, text

from models.ids import Prefix, new_id
from models.notice import Channel
from models.outgoing import OutgoingData, OutgoingEvent, sequence_text
from models.principal import Principal
from models.tables.column import table
from models.tables.record import OutboxRow
from storage.engine import Database
from storage.scope import within

_outbox = table(OutboxRow)
_PLACED_AT_ONCE = 10_000
_LOCK = "keydesk/feed"
_UNPLACED = text("outbox.channel = 'event' AND outbox.feed_position IS NULL")

# What an event of no order is about stands first in its dedupe key, as the subject of every effect does.
_PLACE = text("""
WITH oldest AS (
  SELECT id, sequence, coalesce(order_id, split_part(dedupe_key, '/', 1)) AS subject
  FROM outbox WHERE channel = 'event' AND feed_position IS NULL ORDER BY sequence LIMIT :most
), place AS (
  SELECT o.id, o.subject, row_number() OVER (ORDER BY o.sequence) AS nth,
         row_number() OVER (PARTITION BY o.subject ORDER BY o.sequence) AS nth_of_subject,
         coalesce((SELECT max(e.subject_sequence) FROM outbox e WHERE e.subject = o.subject), 0) AS before
  FROM oldest o
)
UPDATE outbox SET subject = place.subject, subject_sequence = place.before + place.nth_of_subject,
                  feed_position = (SELECT coalesce(max(feed_position), 0) FROM outbox) + place.nth
FROM place WHERE outbox.id = place.id
""")


class PlacedEvent(NamedTuple):
    """An event and its place in the feed."""

    position: int
    event: OutgoingEvent


def read_feed(
    database: Database, principal: Principal, *, after: int, limit: int
) -> list[PlacedEvent]:
    """What comes after that position, of what the caller may see.

    A sequence is drawn when a row is written, so a row that commits late would appear behind a reader
    who has gone past it. Positions are given to committed rows only, by one reader at a time.
    """
    with database.transaction() as connection:
        place_new(connection)
        query = (
            within(select(_outbox), _outbox, principal)
            .where(_outbox.c.feed_position > after, _outbox.c.channel == Channel.EVENT)
            .order_by(_outbox.c.feed_position)
            .limit(limit)
        )
        return [PlacedEvent(row.feed_position, event_of(row)) for row in connection.execute(query)]


def place_new(connection: Connection) -> None:
    """Give every committed event its position in the feed, and its number among those of its subject."""
    unplaced = select(_outbox.c.id).where(_UNPLACED)
    if connection.execute(unplaced.limit(1)).first() is None:
        return
    lock_feed(connection)
    connection.execute(_PLACE, {"most": _PLACED_AT_ONCE})


def lock_feed(connection: Connection) -> None:
    """Held to the commit: the next reader counts on from here, and nobody sees a position before a lower one."""
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))


def end_of_feed(connection: Connection) -> int:
    """The last position that was given."""
    last = select(func.coalesce(func.max(_outbox.c.feed_position), 0))
    found: int = connection.execute(last).scalar_one()
    return found


def publish(
    connection: Connection, data: OutgoingData, *, key: str, partner_id: str, at: datetime
) -> None:
    """Queue an event that is about no order; `key` begins with the id of what it is about."""
    row = {
        "id": new_id(Prefix.EVENT),
        "dedupe_key": f"{key}/{data.type}",
        "channel": Channel.EVENT,
        "kind": data.type,
        "partner_id": partner_id,
        "facts": data.facts(),
        "created_at": at,
        "next_attempt_at": at,
    }
    connection.execute(insert(_outbox), [row])


def event_of(row: Row[Any]) -> OutgoingEvent:
    """The CloudEvent in a placed row of the outbox."""
    return OutgoingEvent(
        id=row.id,
        type=row.kind,
        subject=row.subject,
        time=row.created_at,
        sequence=sequence_text(row.subject_sequence),
        partnerid=row.partner_id,
        customerid=row.customer_id,
        data=row.facts,
    )
