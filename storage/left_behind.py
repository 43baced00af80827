"""Requests whose process was never started: written by a door that died before it could."""

from datetime import datetime

from sqlalchemy import Connection, select

from models.cancellation import CancellationStatus
from models.order import OrderStatus
from storage.case import cancellations
from storage.order import orders


def orders_left_behind(connection: Connection, before: datetime, limit: int = 100) -> list[str]:
    """Orders still as placed since before that instant."""
    query = (
        select(orders.c.id)
        .where(orders.c.status == OrderStatus.PLACED, orders.c.placed_at < before)
        .order_by(orders.c.placed_at)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def cancellations_left_behind(
    connection: Connection, before: datetime, limit: int = 100
) -> list[str]:
    """Cancellations still as received since before that instant."""
    query = (
        select(cancellations.c.id)
        .where(
            cancellations.c.status == CancellationStatus.RECEIVED,
            cancellations.c.received_at < before,
        )
        .order_by(cancellations.c.received_at)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())
