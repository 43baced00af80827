"""Deliveries as their endpoint's people see them: the log, tests on demand, and what is sent once more."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from models.delivery import (
    Delivery,
    DeliveryAttempt,
    DeliveryLog,
    DeliveryStatus,
)
from models.errors import NotFound
from models.ids import Prefix, new_id
from models.outgoing import OutgoingType, sequence_text
from models.principal import Principal
from models.tables.column import table
from models.tables.delivery import DeliveryAttemptRow, DeliveryRow
from storage.endpoint import audit, find, require_active
from storage.engine import Database

_deliveries = table(DeliveryRow)
_attempts = table(DeliveryAttemptRow)


def list_deliveries(
    connection: Connection,
    principal: Principal,
    endpoint_id: str,
    *,
    status: DeliveryStatus | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[tuple[int, Delivery]]:
    """The newest first, each with its running number; `before` is that of the last one of the page before."""
    find(connection, principal, endpoint_id)
    query = (
        select(_deliveries)
        .where(_deliveries.c.endpoint_id == endpoint_id)
        .order_by(_deliveries.c.number.desc())
        .limit(limit)
    )
    if status is not None:
        query = query.where(_deliveries.c.status == status)
    if before is not None:
        query = query.where(_deliveries.c.number < before)
    return [(row.number, _shown(row)) for row in connection.execute(query)]


def read_log(
    connection: Connection, principal: Principal, endpoint_id: str, delivery_id: str
) -> DeliveryLog:
    """One delivery with every attempt; NotFound outside the caller's sight."""
    find(connection, principal, endpoint_id)
    row = connection.execute(
        select(_deliveries).where(
            _deliveries.c.id == delivery_id, _deliveries.c.endpoint_id == endpoint_id
        )
    ).one_or_none()
    if row is None:
        raise NotFound("delivery")
    made = (
        select(*(column for column in _attempts.c if column.name != "delivery_id"))
        .where(_attempts.c.delivery_id == delivery_id)
        .order_by(_attempts.c.number.desc())
    )
    attempts = tuple(DeliveryAttempt(**found) for found in connection.execute(made).mappings())
    return DeliveryLog(delivery=_shown(row), attempts=attempts)


def queue_test(
    database: Database, endpoint_id: str, delivery_id: str, principal: Principal, at: datetime
) -> None:
    """A test event for this endpoint alone; a repeat finds it queued."""
    with database.transaction("queue_test") as connection:
        require_active(find(connection, principal, endpoint_id, lock=True))
        if _known(connection, delivery_id):
            return
        tests = select(func.coalesce(func.max(_deliveries.c.sequence), 0) + 1).where(
            _deliveries.c.endpoint_id == endpoint_id, _deliveries.c.position.is_(None)
        )
        connection.execute(
            insert(_deliveries).values(
                id=delivery_id,
                endpoint_id=endpoint_id,
                event_id=new_id(Prefix.EVENT),
                type=OutgoingType.TEST,
                subject=endpoint_id,
                sequence=tests.scalar_subquery(),
                queued_at=at,
                status_at=at,
                next_attempt_at=at,
            )
        )


def _known(connection: Connection, delivery_id: str) -> bool:
    query = select(_deliveries.c.id).where(_deliveries.c.id == delivery_id)
    return connection.execute(query).first() is not None


def requeue_one(
    database: Database, endpoint_id: str, delivery_id: str, principal: Principal, at: datetime
) -> int:
    """Send one delivery once more; NotFound if it is none of this endpoint."""
    with database.transaction("requeue_delivery") as connection:
        find(connection, principal, endpoint_id, lock=True)
        wanted = _deliveries.c.id == delivery_id
        own = select(_deliveries.c.id).where(wanted, _deliveries.c.endpoint_id == endpoint_id)
        if connection.execute(own).first() is None:
            raise NotFound("delivery")
        queued = _requeue(connection, endpoint_id, wanted, at)
        _record(connection, principal, endpoint_id, queued, at)
        return queued


def requeue_since(
    database: Database,
    endpoint_id: str,
    since: datetime | int,
    principal: Principal,
    at: datetime,
) -> int:
    """Send everything once more that happened since an instant, or stands behind a position of the feed."""
    wanted = (
        _deliveries.c.position > since
        if isinstance(since, int)
        else _deliveries.c.queued_at >= since
    )
    with database.transaction("requeue_deliveries") as connection:
        find(connection, principal, endpoint_id, lock=True)
        queued = _requeue(connection, endpoint_id, wanted & _deliveries.c.position.is_not(None), at)
        _record(connection, principal, endpoint_id, queued, at)
        return queued


def _requeue(
    connection: Connection, endpoint_id: str, wanted: ColumnElement[bool], at: datetime
) -> int:
    """What is pending is due at once, with all its tries before it; what is under way is left to end."""
    changed = connection.execute(
        update(_deliveries)
        .where(_deliveries.c.endpoint_id == endpoint_id, wanted)
        .where(_deliveries.c.leased_until.is_(None) | (_deliveries.c.leased_until <= at))
        .values(
            status=DeliveryStatus.PENDING,
            status_at=at,
            tries=0,
            first_tried_at=None,
            next_attempt_at=at,
            leased_until=None,
        )
    )
    return changed.rowcount


def _record(
    connection: Connection, principal: Principal, endpoint_id: str, queued: int, at: datetime
) -> None:
    found = find(connection, principal, endpoint_id)
    audit(
        connection,
        found.partner_id,
        principal.user_id,
        "endpoint.redelivered",
        endpoint_id,
        at,
        deliveries=queued,
    )


def _shown(row: Row[Any]) -> Delivery:
    pending = row.status == DeliveryStatus.PENDING
    return Delivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        type=row.type,
        subject=row.subject,
        sequence=sequence_text(row.sequence),
        status=row.status,
        status_at=row.status_at,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at if pending else None,
    )
