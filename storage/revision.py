"""The revision of a case: a number that grows with everything that happens on its order, and what happened since."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, func, select

from models.timeline import TimelineEntry
from storage.timeline import effects, read_timeline

_CHANGES_MAX = 50


def revision_column(order_id: ColumnElement[Any]) -> ScalarSelect[int]:
    """The revision as a column of a query that reads the case, so that both are of one instant."""
    newest = select(func.coalesce(func.max(effects.c.id), 0)).where(effects.c.order_id == order_id)
    return newest.correlate(order_id.table).scalar_subquery()


def revision_of(connection: Connection, order_id: str) -> int:
    """The number of the order's newest effect; 0 if nothing happened yet.

    Reveals and uses of a download link are effects as well. Whoever shows a case shows a revision of the same
    snapshot: an older one only says too early that the case moved, a newer one would hide it.
    """
    newest = select(func.max(effects.c.id)).where(effects.c.order_id == order_id)
    return connection.execute(newest).scalar_one() or 0


def changes_since(
    connection: Connection, order_id: str, revision: int
) -> tuple[TimelineEntry, ...]:
    """What happened to the order after the revision, oldest first, at most fifty."""
    return tuple(read_timeline(connection, order_id, after=revision, limit=_CHANGES_MAX))
