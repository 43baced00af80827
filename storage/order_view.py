"""Orders as the doors show them: one with its lines, and keyset pages of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, func, select, tuple_

from models.money import Money
from models.order import Order, OrderLine
from models.principal import Principal
from storage.case import cancelled_quantity, credits_
from storage.order import customers, lines, orders, products, software
from storage.scope import within


def find_order(connection: Connection, order_id: str) -> Order | None:
    """One order with its lines."""
    found = _orders(connection, select(orders).where(orders.c.id == order_id))
    return found[0] if found else None


def covers_customer(connection: Connection, principal: Principal, customer_id: str) -> bool:
    """Whether this customer exists within the caller's sight."""
    partner_id = connection.execute(
        select(customers.c.partner_id).where(customers.c.id == customer_id)
    ).scalar_one_or_none()
    return partner_id is not None and principal.covers(partner_id, customer_id)


def list_orders(
    connection: Connection,
    principal: Principal,
    *,
    customer_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Order]:
    """Newest first, only what the caller covers; `after` is the last (placed_at, id) of the page before."""
    query = select(orders).order_by(orders.c.placed_at.desc(), orders.c.id.desc()).limit(limit)
    query = within(query, orders, principal)
    if customer_id is not None:
        query = query.where(orders.c.customer_id == customer_id)
    if after is not None:
        query = query.where(tuple_(orders.c.placed_at, orders.c.id) < after)
    return _orders(connection, query)


def _orders(connection: Connection, query: Any) -> list[Order]:
    rows = connection.execute(query).all()
    by_order: dict[str, list[OrderLine]] = {row.id: [] for row in rows}
    for line in _lines(connection, list(by_order)):
        by_order[line.order_id].append(_line(line))
    return [_order(row, by_order[row.id]) for row in rows]


def _lines(connection: Connection, order_ids: Sequence[str]) -> Sequence[Row[Any]]:
    return connection.execute(
        select(
            lines,
            products.c.title,
            products.c.family,
            products.c.key_mode,
            software.c.id.label("software_id"),
            cancelled_quantity().label("cancelled_quantity"),
            _last_credited_at().label("credited_at"),
        )
        .join(products, products.c.sku == lines.c.sku)
        .join(software, software.c.line_id == lines.c.id)
        .where(lines.c.order_id.in_(order_ids))
        .order_by(lines.c.order_id, lines.c.line_number)
    ).all()


def _last_credited_at() -> ScalarSelect[Any]:
    return (
        select(func.max(credits_.c.booked_at))
        .where(credits_.c.line_id == lines.c.id)
        .correlate(lines)
        .scalar_subquery()
    )


def _line(row: Row[Any]) -> OrderLine:
    return OrderLine(
        id=row.id,
        line_number=row.line_number,
        sku=row.sku,
        title=row.title,
        family=row.family,
        key_mode=row.key_mode,
        quantity=row.quantity,
        unit_price=Money(amount_minor=row.unit_price_minor, currency=row.currency),
        total=Money(amount_minor=row.total_minor, currency=row.currency),
        policy_id=row.policy_id,
        policy_version=row.policy["version"],
        window_closes_at=row.window_closes_at,
        software_id=row.software_id,
        cancelled_quantity=row.cancelled_quantity,
        cancelled_at=row.credited_at if row.cancelled_quantity == row.quantity else None,
    )


def _order(row: Row[Any], order_lines: list[OrderLine]) -> Order:
    return Order(
        id=row.id,
        number=row.number,
        partner_id=row.partner_id,
        customer_id=row.customer_id,
        placed_by=row.placed_by,
        placed_at=row.placed_at,
        reference=row.reference,
        status=row.status,
        total=Money(amount_minor=row.total_minor, currency=row.currency),
        lines=tuple(order_lines),
    )
