"""Software items as the doors show them: one per line, with its keys masked and, once cancelled, without any."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select
from sqlalchemy.dialects.postgresql import distinct_on

from models.principal import Principal
from models.product_key import ProductKey, mask
from models.software import Software, SoftwareStatus
from models.tables.column import table
from models.tables.product_key import KeyRevealRow, ProductKeyRow
from rules.permission import Act, may
from storage.case import cancelled_quantity, lines, orders, products, software
from storage.scope import within

keys = table(ProductKeyRow)
reveals = table(KeyRevealRow)

_ITEM = (
    select(
        software,
        orders.c.number.label("order_number"),
        lines.c.sku,
        lines.c.quantity,
        cancelled_quantity().label("cancelled_quantity"),
        lines.c.window_closes_at,
        products.c.title,
    )
    .join(orders, orders.c.id == software.c.order_id)
    .join(lines, lines.c.id == software.c.line_id)
    .join(products, products.c.sku == lines.c.sku)
)


def list_software(
    connection: Connection,
    principal: Principal,
    customer_id: str,
    *,
    after: str | None = None,
    limit: int = 50,
) -> list[Software]:
    """What was bought for a customer, newest first; `after` is the last id of the page before."""
    query = _ITEM.where(software.c.customer_id == customer_id)
    if after is not None:
        query = query.where(software.c.id < after)
    return _read(connection, principal, query.order_by(software.c.id.desc()).limit(limit))


def find_software(
    connection: Connection, principal: Principal, software_id: str
) -> Software | None:
    """One item the caller may see."""
    found = _read(connection, principal, _ITEM.where(software.c.id == software_id))
    return found[0] if found else None


def _read(connection: Connection, principal: Principal, query: Select[Any]) -> list[Software]:
    rows = connection.execute(within(query, software, principal)).all()
    held = _keys_of(connection, principal, rows)
    return [_software(row, tuple(held[row.line_id])) for row in rows]


def _keys_of(
    connection: Connection, principal: Principal, items: Sequence[Row[Any]]
) -> dict[str, list[ProductKey]]:
    """The keys to show, by line: a customer's own users see them only if they may also reveal them."""
    found = defaultdict[str, list[ProductKey]](list)
    if principal.customer_id is not None and not may(principal, Act.REVEAL_KEY):
        return found
    line_ids = [item.line_id for item in items if item.status != SoftwareStatus.CANCELLED]
    first_reveals = _first_reveals(connection, line_ids)
    query = select(keys).where(keys.c.line_id.in_(line_ids))
    for row in connection.execute(query.order_by(keys.c.line_id, keys.c.unit_number)):
        found[row.line_id].append(_key(row, first_reveals.get(row.id)))
    return found


def _first_reveals(connection: Connection, line_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """When and by whom each key was seen first, by key."""
    query = (
        select(reveals)
        .ext(distinct_on(reveals.c.key_id))
        .where(reveals.c.line_id.in_(line_ids))
        .order_by(reveals.c.key_id, reveals.c.revealed_at)
    )
    return {row.key_id: row for row in connection.execute(query)}


def _key(row: Row[Any], first_reveal: Row[Any] | None) -> ProductKey:
    return ProductKey(
        id=row.id,
        line_id=row.line_id,
        unit_number=row.unit_number,
        state=row.state,
        masked=mask(row.last5),
        revealed_at=first_reveal.revealed_at if first_reveal else None,
        revealed_by=first_reveal.user_id if first_reveal else None,
    )


def _software(row: Row[Any], held: tuple[ProductKey, ...]) -> Software:
    return Software(
        id=row.id,
        order_id=row.order_id,
        order_number=row.order_number,
        line_id=row.line_id,
        partner_id=row.partner_id,
        customer_id=row.customer_id,
        sku=row.sku,
        title=row.title,
        quantity=row.quantity,
        cancelled_quantity=row.cancelled_quantity,
        status=row.status,
        window_closes_at=row.window_closes_at,
        keys=held,
    )
