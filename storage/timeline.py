"""The timeline as the doors show it: effects of one order, one of its cancellations or a ticket, oldest first."""

from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from models.tables.column import table
from models.tables.record import EffectRow
from models.timeline import TimelineEntry

effects = table(EffectRow)

_ON_TICKETS = ("write_note", "open_stock_incident")


def read_timeline(
    connection: Connection,
    order_id: str,
    *,
    cancellation_id: str | None = None,
    for_customer: bool = False,
    after: int | None = None,
    limit: int = 50,
) -> list[TimelineEntry]:
    """What happened; the caller's sight of the order was checked before. `after` is the last number seen.

    A customer's own people see the purchase only: no cancellations, and no work on tickets.
    """
    query = select(effects).where(effects.c.order_id == order_id, effects.c.id > (after or 0))
    if cancellation_id is not None:
        query = query.where(effects.c.cancellation_id == cancellation_id)
    if for_customer:
        query = query.where(
            effects.c.cancellation_id.is_(None),
            func.split_part(effects.c.key, "/", 2).not_in(_ON_TICKETS),
        )
    return _entries(connection, query, limit)


def read_ticket_timeline(
    connection: Connection, ticket: Row[Any], *, after: int | None = None, limit: int = 50
) -> list[TimelineEntry]:
    """What happened on a ticket: in its own stream, and to its case; the caller's sight of it was checked before."""
    own = effects.c.order_id == ticket.id
    of_case = (effects.c.order_id == ticket.order_id) & (
        effects.c.cancellation_id == ticket.cancellation_id
    )
    query = select(effects).where(own | of_case, effects.c.id > (after or 0))
    return _entries(connection, query, limit)


def _entries(connection: Connection, query: Select[Any], limit: int) -> list[TimelineEntry]:
    return [
        TimelineEntry(
            number=row.id,
            happened_at=row.happened_at,
            actor_id=row.actor_id,
            sentence=row.sentence,
            cancellation_id=row.cancellation_id,
        )
        for row in connection.execute(query.order_by(effects.c.id).limit(limit))
    ]
