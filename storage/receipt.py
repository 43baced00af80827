"""Receipts: the first sight of a request under an Idempotency-Key fixes its id, its instant and its body."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert

from models.errors import Invalid
from models.ids import Prefix, new_id
from models.receipt import Receipt
from models.tables.column import table
from models.tables.principal import IdempotencyKeyRow
from storage.engine import Database

receipts = table(IdempotencyKeyRow)


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
