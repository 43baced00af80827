"""Deliveries: planned for every endpoint from the feed, claimed in the order of each case, each attempt recorded."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from models.delivery import DeliveryAttempt, DeliveryStatus, DueDelivery
from models.endpoint import DisabledReason, EndpointStatus
from models.ids import SYSTEM_USER
from models.outgoing import EndpointTested, OutgoingEvent, OutgoingType, sequence_text
from models.tables.column import table
from models.tables.delivery import DeliveryAttemptRow, DeliveryRow
from models.tables.record import OutboxRow
from rules.delivery import GONE
from rules.endpoint import is_dead, next_attempt, rest_after
from storage import endpoint as endpoint_book
from storage.endpoint import endpoints, signing_secrets
from storage.endpoint_notice import tell_disabled
from storage.engine import Database
from storage.event import end_of_feed, event_of, place_new

LEASE = timedelta(minutes=1)
"""How long a claim holds; longer than any one attempt, so that no two processes send one event at a time."""
FAULT_PAUSE = timedelta(minutes=5)
"""How long a delivery waits that a fault of ours kept from leaving; operators see it among what is stuck."""
AT_ONCE = 4
"""How many deliveries one endpoint gets at a time; one while it fails."""

_PLANNED_AT_ONCE = 1000

deliveries = table(DeliveryRow)
_attempts = table(DeliveryAttemptRow)
_outbox = table(OutboxRow)

# The feed has no holes, so an endpoint has seen everything up to its position and nothing behind it.
_PLAN = text("""
WITH due AS (
  SELECT id, partner_id, types, planned_to, least(:end, planned_to + :most) AS upto FROM endpoints
  WHERE status = 'active' AND planned_to < :end ORDER BY planned_to LIMIT 100 FOR NO KEY UPDATE SKIP LOCKED
), planned AS (
  INSERT INTO deliveries (id, endpoint_id, event_id, position, type, subject, sequence, queued_at, status,
                          status_at, attempts, tries, next_attempt_at)
  SELECT 'dlv_' || md5(due.id || o.id), due.id, o.id, o.feed_position, o.kind, o.subject, o.subject_sequence,
         :now, 'pending', :now, 0, 0, :now
  FROM due JOIN outbox o ON o.feed_position > due.planned_to AND o.feed_position <= due.upto
  WHERE (due.partner_id IS NULL OR o.partner_id = due.partner_id)
    AND (due.types = '{}' OR o.kind = ANY (due.types))
  ORDER BY o.feed_position
)
UPDATE endpoints SET planned_to = due.upto FROM due WHERE endpoints.id = due.id
""")

# The endpoints' rows are held while their next deliveries are chosen. It takes two statements: what is chosen has to
# be looked at after the lock is there, or the choice of whoever held it before would not be seen.
_HOLD = text("""
SELECT e.id FROM endpoints e
WHERE e.status = 'active' AND e.rests_until <= :now AND EXISTS (
  SELECT FROM deliveries d WHERE d.endpoint_id = e.id AND d.status = 'pending' AND d.next_attempt_at <= :now)
ORDER BY random() LIMIT :most FOR NO KEY UPDATE OF e SKIP LOCKED
""")
_CLAIM = text("""
WITH ready AS (
  SELECT e.id, CASE e.failures WHEN 0 THEN :at_once ELSE 1 END - (
      SELECT count(*) FROM deliveries l WHERE l.endpoint_id = e.id AND l.leased_until > :now) AS free
  FROM endpoints e WHERE e.id = ANY (:held)
), heads AS (
  SELECT head.id FROM ready, LATERAL (
    SELECT d.id FROM deliveries d
    WHERE d.endpoint_id = ready.id AND d.status = 'pending' AND d.next_attempt_at <= :now
      AND NOT EXISTS (
        SELECT FROM deliveries x
        WHERE x.endpoint_id = d.endpoint_id AND x.subject = d.subject AND x.status = 'pending'
          AND (x.sequence < d.sequence OR x.leased_until > :now))
    ORDER BY d.next_attempt_at, d.number LIMIT greatest(ready.free, 0)
  ) head
  LIMIT :most
)
UPDATE deliveries d
SET leased_until = :lease, next_attempt_at = :lease, attempts = d.attempts + 1, tries = d.tries + 1,
    first_tried_at = coalesce(d.first_tried_at, :now)
FROM heads WHERE d.id = heads.id
RETURNING d.id
""")


def plan_new(database: Database, now: datetime) -> None:
    """A pending delivery for every endpoint that is to get what is new in the feed."""
    with database.transaction() as connection:
        place_new(connection)
        end = end_of_feed(connection)
        connection.execute(_PLAN, {"end": end, "most": _PLANNED_AT_ONCE, "now": now})


def claim_due(database: Database, now: datetime, limit: int) -> tuple[DueDelivery, ...]:
    """Take up to `limit` deliveries for one attempt each; unless recorded before the lease ends, they are due again.

    Of one subject only the earliest that is pending is taken, and no second one while it is under way.
    """
    lease = now + LEASE
    with database.transaction() as connection:
        held = list(connection.execute(_HOLD, {"now": now, "most": limit}).scalars())
        if not held:
            return ()
        wanted = {"held": held, "now": now, "lease": lease, "most": limit, "at_once": AT_ONCE}
        ids = list(connection.execute(_CLAIM, wanted).scalars())
        return _load(connection, ids, now) if ids else ()


def _load(connection: Connection, ids: list[str], now: datetime) -> tuple[DueDelivery, ...]:
    query = (
        select(deliveries, endpoints.c.url, endpoints.c.partner_id)
        .join(endpoints, endpoints.c.id == deliveries.c.endpoint_id)
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.number)
    )
    rows = connection.execute(query).all()
    placed = select(_outbox).where(_outbox.c.id.in_([row.event_id for row in rows]))
    events = {row.id: event_of(row) for row in connection.execute(placed)}
    secrets = signing_secrets(connection, {row.endpoint_id for row in rows}, now)
    return tuple(
        DueDelivery(
            id=row.id,
            endpoint_id=row.endpoint_id,
            url=row.url,
            attempt=row.attempts,
            event=events.get(row.event_id) or _test(row),
            secrets=secrets[row.endpoint_id],
        )
        for row in rows
    )


def _test(row: Row[Any]) -> OutgoingEvent:
    return OutgoingEvent(
        id=row.event_id,
        type=row.type,
        subject=row.subject,
        time=row.queued_at,
        sequence=sequence_text(row.sequence),
        partnerid=row.partner_id,
        data=EndpointTested(endpoint_id=row.endpoint_id).facts(),
    )


def record_attempt(
    database: Database, due: DueDelivery, attempt: DeliveryAttempt, at: datetime
) -> DeliveryStatus:
    """Keep how the attempt went, and with it what comes of the delivery and its endpoint."""
    with database.transaction("record_attempt") as connection:
        endpoint = connection.execute(
            select(endpoints)
            .where(endpoints.c.id == due.endpoint_id)
            .with_for_update(key_share=True)
        ).one()
        delivery = connection.execute(select(deliveries).where(deliveries.c.id == due.id)).one()
        connection.execute(insert(_attempts).values(delivery_id=due.id, **dict(attempt)))
        # Who lost the lease reports late: the attempt is a fact, but the delivery is another one's by now.
        if delivery.attempts != due.attempt or delivery.status != DeliveryStatus.PENDING:
            return DeliveryStatus(delivery.status)
        if attempt.error is None:
            return _delivered(connection, endpoint, delivery, at)
        return _failed(connection, endpoint, delivery, attempt, at)


def record_fault(
    database: Database, due: DueDelivery, attempt: DeliveryAttempt, at: datetime
) -> DeliveryStatus:
    """Keep an attempt that never left the house: it spends no try, and says nothing of the endpoint."""
    with database.transaction("record_attempt") as connection:
        delivery = connection.execute(
            select(deliveries).where(deliveries.c.id == due.id).with_for_update(key_share=True)
        ).one()
        connection.execute(insert(_attempts).values(delivery_id=due.id, **dict(attempt)))
        if delivery.attempts != due.attempt or delivery.status != DeliveryStatus.PENDING:
            return DeliveryStatus(delivery.status)
        _set(
            connection,
            delivery.id,
            tries=delivery.tries - 1,
            first_tried_at=delivery.first_tried_at if delivery.tries > 1 else None,
            next_attempt_at=at + FAULT_PAUSE,
            leased_until=None,
        )
    return DeliveryStatus.PENDING


def _delivered(
    connection: Connection, endpoint: Row[Any], delivery: Row[Any], at: datetime
) -> DeliveryStatus:
    if endpoint.failures:
        _set_endpoint(connection, endpoint, failures=0, failing_since=None, rests_until=at)
    return _settle(connection, delivery, DeliveryStatus.DELIVERED, at)


def _failed(
    connection: Connection,
    endpoint: Row[Any],
    delivery: Row[Any],
    attempt: DeliveryAttempt,
    at: datetime,
) -> DeliveryStatus:
    """A test is tried once and tells nothing of the endpoint's health, unless it says that it is gone."""
    gone = attempt.status_code == GONE
    if delivery.type == OutgoingType.TEST:
        if gone:
            _stop(connection, endpoint, delivery, DisabledReason.GONE, at)
        return _settle(connection, delivery, DeliveryStatus.GIVEN_UP, at)
    retry_at = next_attempt(delivery.id, delivery.tries, delivery.first_tried_at, at)
    dead = _count_failure(connection, endpoint, attempt, at)
    if gone or dead or retry_at is None:
        reason = DisabledReason.GONE if gone else DisabledReason.FAILING
        _stop(connection, endpoint, delivery, reason, at)
    # Where nothing at all arrived, nothing is wrong with this event: it waits until the endpoint is enabled again.
    if retry_at is None and _took_others(connection, delivery):
        return _settle(connection, delivery, DeliveryStatus.GIVEN_UP, at)
    _set(connection, delivery.id, next_attempt_at=retry_at or at, leased_until=None)
    return DeliveryStatus.PENDING


def _took_others(connection: Connection, delivery: Row[Any]) -> bool:
    other = select(deliveries.c.id).where(
        deliveries.c.endpoint_id == delivery.endpoint_id,
        deliveries.c.status == DeliveryStatus.DELIVERED,
        deliveries.c.status_at > delivery.first_tried_at,
    )
    return connection.execute(other.limit(1)).first() is not None


def _count_failure(
    connection: Connection, endpoint: Row[Any], attempt: DeliveryAttempt, at: datetime
) -> bool:
    """Leave the endpoint alone for a while; whether it took nothing for so long that we stop."""
    failures, since = endpoint.failures + 1, endpoint.failing_since or attempt.started_at
    rests_until = at + rest_after(failures)
    _set_endpoint(
        connection, endpoint, failures=failures, failing_since=since, rests_until=rests_until
    )
    return is_dead(since, failures, at)


def _stop(
    connection: Connection,
    endpoint: Row[Any],
    delivery: Row[Any],
    reason: DisabledReason,
    at: datetime,
) -> None:
    if endpoint.status == EndpointStatus.ACTIVE:
        endpoint_book.stop(connection, endpoint, reason, SYSTEM_USER, at)
        tell_disabled(connection, endpoint, delivery, reason, at)


def _settle(
    connection: Connection, delivery: Row[Any], status: DeliveryStatus, at: datetime
) -> DeliveryStatus:
    _set(connection, delivery.id, status=status, status_at=at, leased_until=None)
    return status


def _set(connection: Connection, delivery_id: str, **values: Any) -> None:
    connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**values))


def _set_endpoint(connection: Connection, endpoint: Row[Any], **values: Any) -> None:
    connection.execute(update(endpoints).where(endpoints.c.id == endpoint.id).values(**values))
