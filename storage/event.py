"""The event feed: events in the order in which they were seen to be committed, so that a reader misses none."""

from typing import NamedTuple

from sqlalchemy import Connection, Row, func, select, text, update

from models.event import OutgoingEvent
from models.notice import Channel
from models.principal import Principal
from models.tables.column import table
from models.tables.record import OutboxRow
from storage.engine import Database
from storage.scope import within

_outbox = table(OutboxRow)
_PLACED_AT_ONCE = 10_000
_LOCK = "keydesk/feed"
_UNPLACED = text("outbox.channel = 'event' AND outbox.feed_position IS NULL")


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
        _place_new(connection)
        query = (
            within(select(_outbox), _outbox, principal)
            .where(_outbox.c.feed_position > after, _outbox.c.channel == Channel.EVENT)
            .order_by(_outbox.c.feed_position)
            .limit(limit)
        )
        return [PlacedEvent(row.feed_position, _event(row)) for row in connection.execute(query)]


def _place_new(connection: Connection) -> None:
    unplaced = select(_outbox.c.id).where(_UNPLACED)
    if connection.execute(unplaced.limit(1)).first() is None:
        return
    # Held to the commit: the next reader counts on from here, and nobody sees a position before a lower one.
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(_LOCK, 0))))
    last = select(func.coalesce(func.max(_outbox.c.feed_position), 0)).scalar_subquery()
    oldest = unplaced.order_by(_outbox.c.sequence).limit(_PLACED_AT_ONCE).cte("oldest")
    place = (
        select(
            _outbox.c.id,
            (last + func.row_number().over(order_by=_outbox.c.sequence)).label("position"),
        )
        .join(oldest, oldest.c.id == _outbox.c.id)
        .cte("place")
    )
    connection.execute(
        update(_outbox).where(_outbox.c.id == place.c.id).values(feed_position=place.c.position)
    )


def _event(row: Row[tuple[object, ...]]) -> OutgoingEvent:
    return OutgoingEvent(
        id=row.id,
        type=row.kind,
        subject=row.order_id,
        time=row.created_at,
        partnerid=row.partner_id,
        customerid=row.customer_id,
        data=row.facts,
    )
