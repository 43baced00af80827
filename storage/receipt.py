"""Receipts: the first sight of a request under an Idempotency-Key fixes its id, its instant and its body."""

from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import Invalid
from models.ids import Prefix, effect_key, new_id
from models.receipt import Receipt
from models.tables.column import table
from models.tables.principal import IdempotencyKeyRow
from models.tables.record import EffectRow
from storage.engine import Database

receipts = table(IdempotencyKeyRow)
effects = table(EffectRow)


def take_receipt(
    database: Database,
    *,
    principal_id: str,
    route: str,
    key: str,
    body_sha256: bytes,
    prefix: Prefix,
    at: datetime,
) -> Receipt:
    """The receipt of this request; a retry gets the first one's id and instant, another body is refused.

    It is committed on its own, before anything else is tried: a request that then met a dead neighbour
    keeps the instant at which it came in.
    """
    named = (
        (receipts.c.principal_id == principal_id)
        & (receipts.c.route == route)
        & (receipts.c.key == key)
    )
    with database.transaction() as connection:
        connection.execute(
            upsert(receipts)
            .values(
                principal_id=principal_id,
                route=route,
                key=key,
                body_sha256=body_sha256,
                received_at=at,
                resource_id=new_id(prefix),
            )
            .on_conflict_do_nothing()
        )
        row = connection.execute(select(receipts).where(named)).one()
    if bytes(row.body_sha256) != body_sha256:
        raise Invalid(
            "idempotency_key_reused",
            "This Idempotency-Key was used with another body. Use a new key for a new request.",
        )
    return Receipt(
        resource_id=row.resource_id, received_at=row.received_at, first=row.received_at == at
    )


def forget_receipt(database: Database, resource_id: str) -> None:
    """Give the key back after a refusal that wrote nothing: a later try is a new request, at its own instant.

    Otherwise a partner could bank the instant of a refused request and claim it after the window closed.
    """
    written = [
        effect_key(resource_id, name)
        for name in ("place_order", "receive_cancellation", "request_replacement", "add_attachment")
    ]
    acted = exists().where(effects.c.key.in_(written))
    with database.transaction() as connection:
        connection.execute(delete(receipts).where(receipts.c.resource_id == resource_id, ~acted))
