"""The pool of product keys: taking free ones, and giving them to a unit for life, sealed for its holder."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Row, select, update

from models.cipher import CipherError, Sealed
from models.errors import Unavailable
from models.ids import SYSTEM_USER
from models.product_key import KeyState
from models.tables.column import table
from models.tables.product_key import ProductKeyRow
from storage.cipher import columns_of, holder_of, sealed_of

keys = table(ProductKeyRow)


class Binder(Protocol):
    """The part of a cipher that ties a key to whoever gets it."""

    def is_whole(self, sealed: Sealed, context: str) -> bool: ...

    def bind(self, sealed: Sealed, context: str, holder: str) -> Sealed: ...


def take(connection: Connection, sku: str, count: int, binder: Binder) -> list[Row[Any]]:
    """So many free keys, locked, or as many as there are; one whose seal is broken is passed over.

    A worker whose ring is behind is mended by a restart, so what it cannot open is no refusal: Unavailable.
    """
    found: list[Row[Any]] = []
    after = ""
    while len(found) < count:
        free = _free(connection, sku, after, count - len(found))
        if not free:
            break
        after = free[-1].id
        try:
            found += [key for key in free if binder.is_whole(sealed_of(key), key.id)]
        except CipherError as error:
            raise Unavailable(error.code, error.message) from None
    return found


def _free(connection: Connection, sku: str, after: str, count: int) -> Sequence[Row[Any]]:
    return connection.execute(
        select(keys)
        .where(keys.c.sku == sku, keys.c.state == KeyState.AVAILABLE, keys.c.id > after)
        .order_by(keys.c.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()


def hold(
    connection: Connection,
    key: Row[Any],
    line: Row[Any],
    unit_number: int,
    binder: Binder,
    at: datetime,
    reason: str,
) -> None:
    """Give a free key to one unit of a line, for life, and seal it for that line's owner."""
    sealed = binder.bind(sealed_of(key), key.id, holder_of(line, line.id))
    connection.execute(
        update(keys)
        .where(keys.c.id == key.id)
        .values(
            state=KeyState.ALLOCATED,
            state_at=at,
            state_by=SYSTEM_USER,
            state_reason=reason,
            line_id=line.id,
            order_id=line.order_id,
            partner_id=line.partner_id,
            customer_id=line.customer_id,
            unit_number=unit_number,
            **columns_of(sealed),
        )
    )
