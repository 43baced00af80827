"""Requests whose process was never started: written by a door that died before it could; and which have one due."""

from datetime import datetime

from sqlalchemy import Connection, select

from models.cancellation import OVER, CancellationStatus
from models.order import OrderStatus
from models.replacement import REPLACEMENT_OVER, ReplacementStatus
from rules.transition import ORDER_MOVES
from storage.case import cancellations
from storage.open_case import replacements
from storage.order import orders

_ORDER_OVER = [status for status, following in ORDER_MOVES.items() if not following]


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


def replacements_left_behind(
    connection: Connection, before: datetime, limit: int = 100
) -> list[str]:
    """Replacements still as requested since before that instant."""
    query = (
        select(replacements.c.id)
        .where(
            replacements.c.status == ReplacementStatus.REQUESTED,
            replacements.c.requested_at < before,
        )
        .order_by(replacements.c.requested_at)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def is_process_due(connection: Connection, workflow_id: str) -> bool:
    """Whether the book holds something open under this workflow id, so that its process runs or will."""
    case = select(cancellations.c.id).where(
        cancellations.c.workflow_id == workflow_id, cancellations.c.status.not_in(OVER)
    )
    purchase = select(orders.c.id).where(
        orders.c.id == workflow_id.removeprefix("purchase:"), orders.c.status.not_in(_ORDER_OVER)
    )
    replacement = select(replacements.c.id).where(
        replacements.c.id == workflow_id.removeprefix("replacement:"),
        replacements.c.status.not_in(REPLACEMENT_OVER),
    )
    return connection.execute(case.union_all(purchase, replacement)).first() is not None
