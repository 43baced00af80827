"""The timeline as the doors show it: effects of one order, or of one of its cancellations, oldest first."""

from sqlalchemy import Connection, func, select

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
    rows = connection.execute(query.order_by(effects.c.id).limit(limit))
    return [
        TimelineEntry(
            number=row.id,
            happened_at=row.happened_at,
            actor_id=row.actor_id,
            sentence=row.sentence,
            cancellation_id=row.cancellation_id,
        )
        for row in rows
    ]
