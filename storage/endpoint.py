"""Endpoints in the book: registered behind the end of the feed, signed for by sealed secrets, stopped and started."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, false, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from models.cursor import encode
from models.delivery import DeliveryStatus, SigningSecret
from models.endpoint import DisabledReason, Endpoint, EndpointDraft, EndpointStatus
from models.errors import Conflict, NotFound
from models.principal import Principal
from models.tables.column import table
from models.tables.delivery import DeliveryRow
from models.tables.endpoint import EndpointRow, EndpointSecretRow
from models.tables.record import AuditRow
from storage.cipher import columns_of, sealed_of
from storage.engine import Database
from storage.event import end_of_feed, lock_feed, place_new
from storage.key_import import HOUSE_STREAM
from storage.scope import within

endpoints = table(EndpointRow)
_secrets = table(EndpointSecretRow)
_deliveries = table(DeliveryRow)
_audit = table(AuditRow)


def register(
    database: Database,
    draft: EndpointDraft,
    endpoint_id: str,
    secret: SigningSecret,
    principal: Principal,
    at: datetime,
) -> None:
    """Write an endpoint of the caller's partner or of the house; a repeat finds it there.

    What was committed before is given its place in the feed first, so that whatever comes later is behind
    `starts_after`, also what commits in this very moment.
    """
    with database.transaction("register_endpoint") as connection:
        lock_feed(connection)
        place_new(connection)
        end = end_of_feed(connection)
        created = connection.execute(
            upsert(endpoints)
            .values(
                id=endpoint_id,
                partner_id=principal.partner_id,
                url=draft.url,
                types=[str(kind) for kind in draft.types],
                description=draft.description,
                created_at=at,
                created_by=principal.user_id,
                starts_after=end,
                planned_to=end,
                status=EndpointStatus.ACTIVE,
                status_at=at,
                status_by=principal.user_id,
                failures=0,
                rests_until=at,
            )
            .on_conflict_do_nothing()
            .returning(endpoints.c.id)
        ).first()
        if created is not None:
            _add_secret(connection, endpoint_id, secret, principal.user_id, at)
            _record(connection, principal, endpoint_id, "endpoint.registered", at)


def rotate(
    database: Database,
    endpoint_id: str,
    secret: SigningSecret,
    overlap: timedelta,
    principal: Principal,
    at: datetime,
) -> None:
    """Give the endpoint another current secret; those of before sign beside it until the overlap is over."""
    with database.transaction("rotate_secret") as connection:
        find(connection, principal, endpoint_id, lock=True)
        known = select(_secrets.c.id).where(_secrets.c.id == secret.id)
        if connection.execute(known).first() is not None:
            return
        connection.execute(
            update(_secrets)
            .where(_secrets.c.endpoint_id == endpoint_id)
            .where(or_(_secrets.c.expires_at.is_(None), _secrets.c.expires_at > at + overlap))
            .values(expires_at=at + overlap)
        )
        _add_secret(connection, endpoint_id, secret, principal.user_id, at)
        _record(connection, principal, endpoint_id, "endpoint.secret_rotated", at)


def _add_secret(
    connection: Connection, endpoint_id: str, secret: SigningSecret, by: str, at: datetime
) -> None:
    owner = {"id": secret.id, "endpoint_id": endpoint_id, "created_at": at, "created_by": by}
    connection.execute(insert(_secrets).values(**owner, **columns_of(secret.sealed)))


def first_secret(connection: Connection, endpoint_id: str) -> SigningSecret:
    """The one that the endpoint was registered with."""
    oldest = (
        select(_secrets)
        .where(_secrets.c.endpoint_id == endpoint_id)
        .order_by(_secrets.c.created_at, _secrets.c.id)
    )
    return _secret(connection.execute(oldest.limit(1)).one())


def secret_of(connection: Connection, secret_id: str) -> SigningSecret:
    """The secret that a rotation made."""
    return _secret(connection.execute(select(_secrets).where(_secrets.c.id == secret_id)).one())


def signing_secrets(
    connection: Connection, endpoint_ids: set[str], at: datetime
) -> dict[str, tuple[SigningSecret, ...]]:
    """What signs for each endpoint now, the newest first."""
    live = or_(_secrets.c.expires_at.is_(None), _secrets.c.expires_at > at)
    query = select(_secrets).where(_secrets.c.endpoint_id.in_(endpoint_ids), live)
    found: dict[str, tuple[SigningSecret, ...]] = dict.fromkeys(endpoint_ids, ())
    for row in connection.execute(query.order_by(_secrets.c.created_at.desc())):
        found[row.endpoint_id] += (_secret(row),)
    return found


def _secret(row: Row[Any]) -> SigningSecret:
    return SigningSecret(id=row.id, sealed=sealed_of(row))


def enable(database: Database, endpoint_id: str, principal: Principal, at: datetime) -> None:
    """Let it get events again, from where it stopped; what is pending has all its tries before it."""
    with database.transaction("enable_endpoint") as connection:
        found = find(connection, principal, endpoint_id, lock=True)
        if found.status == EndpointStatus.ACTIVE:
            return
        connection.execute(
            update(_deliveries)
            .where(_deliveries.c.endpoint_id == endpoint_id)
            .where(_deliveries.c.status == DeliveryStatus.PENDING)
            .values(tries=0, first_tried_at=None, next_attempt_at=at)
        )
        _set(
            connection,
            endpoint_id,
            status=EndpointStatus.ACTIVE,
            status_at=at,
            status_by=principal.user_id,
            disabled_reason=None,
            failures=0,
            failing_since=None,
            rests_until=at,
        )
        _record(connection, principal, endpoint_id, "endpoint.enabled", at)


def disable(database: Database, endpoint_id: str, principal: Principal, at: datetime) -> None:
    """Stop sending by hand; what is under way may still arrive."""
    with database.transaction("disable_endpoint") as connection:
        found = find(connection, principal, endpoint_id, lock=True)
        if found.status == EndpointStatus.ACTIVE:
            stop(connection, found, DisabledReason.BY_HAND, principal.user_id, at)


def stop(
    connection: Connection, found: Row[Any], reason: DisabledReason, by: str, at: datetime
) -> None:
    """Send nothing to it from now on."""
    stopped = {"status": EndpointStatus.DISABLED, "status_at": at, "status_by": by}
    _set(connection, found.id, **stopped, disabled_reason=reason)
    audit(connection, found.partner_id, by, "endpoint.disabled", found.id, at, reason=reason)


def _set(connection: Connection, endpoint_id: str, **values: Any) -> None:
    connection.execute(update(endpoints).where(endpoints.c.id == endpoint_id).values(**values))


def find(
    connection: Connection, principal: Principal, endpoint_id: str, *, lock: bool = False
) -> Row[Any]:
    """The endpoint within the caller's sight, held against workers if it is to change; else NotFound."""
    query = _in_sight(principal).where(endpoints.c.id == endpoint_id)
    if lock:
        query = query.with_for_update(key_share=True)
    found = connection.execute(query).one_or_none()
    if found is None:
        raise NotFound("endpoint")
    return found


def require_active(found: Row[Any]) -> None:
    """Conflict unless it gets events now."""
    if found.status != EndpointStatus.ACTIVE:
        raise Conflict("endpoint_disabled", "The endpoint is disabled; enable it first.")


def list_endpoints(
    connection: Connection, principal: Principal, *, after: str | None, limit: int
) -> list[Endpoint]:
    """By id."""
    query = _in_sight(principal).order_by(endpoints.c.id).limit(limit)
    if after is not None:
        query = query.where(endpoints.c.id > after)
    return [shown(row) for row in connection.execute(query)]


def _in_sight(principal: Principal) -> Select[Any]:
    """A partner's endpoints, or for the house all; a customer has none."""
    if principal.customer_id is not None:
        return select(endpoints).where(false())
    return within(select(endpoints), endpoints, principal)


def shown(row: Row[Any]) -> Endpoint:
    """The endpoint as its people see it."""
    return Endpoint(
        id=row.id,
        partner_id=row.partner_id,
        url=row.url,
        types=tuple(row.types),
        description=row.description,
        created_at=row.created_at,
        created_by=row.created_by,
        starts_after=encode(row.starts_after),
        status=row.status,
        status_at=row.status_at,
        disabled_reason=row.disabled_reason,
        failing_since=row.failing_since,
    )


def _record(
    connection: Connection, principal: Principal, endpoint_id: str, action: str, at: datetime
) -> None:
    found = connection.execute(
        select(endpoints.c.partner_id).where(endpoints.c.id == endpoint_id)
    ).one()
    audit(connection, found.partner_id, principal.user_id, action, endpoint_id, at)


def audit(
    connection: Connection,
    partner_id: str | None,
    by: str,
    action: str,
    endpoint_id: str,
    at: datetime,
    **details: Any,
) -> None:
    """A row in the chain of the partner, or of the house; never the URL, which may hold a token."""
    entry = {
        "stream": partner_id or HOUSE_STREAM,
        "happened_at": at,
        "actor_id": by,
        "action": action,
        "subject_id": endpoint_id,
        "partner_id": partner_id,
        "details": details,
    }
    connection.execute(insert(_audit), [entry])
