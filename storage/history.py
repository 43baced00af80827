"""Earlier cancellations of a customer and of a partner: how many, how they ended, and the last of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, tuple_

from models.brief import History, PastCase
from models.cancellation import CREDITED
from models.money import Money
from models.tables.column import table
from models.tables.product_key import KeyRevealRow, ProductKeyRow
from storage.case import cancellations, credits_, lines, orders, products, tickets

_keys = table(ProductKeyRow)
_reveals = table(KeyRevealRow)
_COUNTED = 2000
"""How many cases are counted at most: the span is shortened to the newest of them, and says since when it is."""
_LAST = 10


def customer_history(connection: Connection, case: Row[Any], began: datetime) -> History:
    """What the customer asked for from `began` until this case."""
    return _history(connection, case, cancellations.c.customer_id == case.customer_id, began)


def partner_history(connection: Connection, case: Row[Any], began: datetime) -> History:
    """What was asked for all customers of the partner."""
    return _history(connection, case, cancellations.c.partner_id == case.partner_id, began)


def count_seen(connection: Connection, case: Row[Any], since: datetime) -> int:
    """The customer's credited cases one of whose keys somebody had looked at before it was asked for."""
    looked = (
        select(_reveals.c.id)
        .join(_keys, _keys.c.id == _reveals.c.key_id)
        .where(
            _reveals.c.line_id == cancellations.c.line_id,
            _reveals.c.revealed_at < cancellations.c.received_at,
            cancellations.c.units.bool_op("@>")(_keys.c.unit_number),
        )
        .exists()
    )
    return connection.execute(
        select(func.count())
        .select_from(cancellations)
        .where(
            cancellations.c.customer_id == case.customer_id,
            cancellations.c.received_at >= since,
            cancellations.c.status.in_(CREDITED),
            _is_before(case),
            looked,
        )
    ).scalar_one()


def count_orders(connection: Connection, case: Row[Any], since: datetime) -> int:
    """How many orders the partner placed from `since` until the request."""
    return connection.execute(
        select(func.count())
        .select_from(orders)
        .where(
            orders.c.partner_id == case.partner_id,
            orders.c.placed_at >= since,
            orders.c.placed_at <= case.received_at,
        )
    ).scalar_one()


def _history(
    connection: Connection, case: Row[Any], whose: ColumnElement[bool], began: datetime
) -> History:
    counted = connection.execute(_counted(case, whose, began)).all()
    by_status, asked, credited = (Counter[Any]() for _ in range(3))
    for row in counted:
        by_status[row.status] += row.cases
        asked[row.currency] += int(row.asked_minor)
        credited[row.currency] += int(row.credited_minor)
    return History(
        since=_since(counted, began),
        cases=by_status.total(),
        by_status=dict(by_status),
        asked=_amounts(asked),
        credited=_amounts(credited),
        last=_last(connection, case, whose),
    )


def _counted(case: Row[Any], whose: ColumnElement[bool], began: datetime) -> Select[Any]:
    newest = (
        select(cancellations)
        .where(whose, cancellations.c.received_at >= began, _is_before(case))
        .order_by(cancellations.c.received_at.desc(), cancellations.c.id.desc())
        .limit(_COUNTED)
        .subquery()
    )
    kept = (newest.c.status, newest.c.currency)
    return (
        select(
            *kept,
            func.count().label("cases"),
            func.min(newest.c.received_at).label("oldest"),
            func.sum(newest.c.requested_minor).label("asked_minor"),
            func.coalesce(func.sum(credits_.c.amount_minor), 0).label("credited_minor"),
        )
        .outerjoin(credits_, credits_.c.cancellation_id == newest.c.id)
        .group_by(*kept)
    )


def _since(counted: Sequence[Row[Any]], began: datetime) -> datetime:
    if sum(row.cases for row in counted) < _COUNTED:
        return began
    oldest: datetime = min(row.oldest for row in counted)
    return oldest


def _is_before(case: Row[Any]) -> ColumnElement[bool]:
    key = tuple_(cancellations.c.received_at, cancellations.c.id)
    return key < (case.received_at, case.id)


def _last(
    connection: Connection, case: Row[Any], whose: ColumnElement[bool]
) -> tuple[PastCase, ...]:
    query = (
        select(
            cancellations,
            orders.c.number.label("order_number"),
            products.c.title.label("product"),
            tickets.c.number.label("ticket_number"),
            credits_.c.amount_minor.label("credited_minor"),
        )
        .join(orders, orders.c.id == cancellations.c.order_id)
        .join(lines, lines.c.id == cancellations.c.line_id)
        .join(products, products.c.sku == lines.c.sku)
        .outerjoin(tickets, tickets.c.cancellation_id == cancellations.c.id)
        .outerjoin(credits_, credits_.c.cancellation_id == cancellations.c.id)
        .where(whose, _is_before(case))
        .order_by(cancellations.c.received_at.desc(), cancellations.c.id.desc())
        .limit(_LAST)
    )
    return tuple(_past(row) for row in connection.execute(query))


def _past(row: Row[Any]) -> PastCase:
    credited = row.credited_minor
    return PastCase(
        cancellation_id=row.id,
        ticket_number=row.ticket_number,
        order_number=row.order_number,
        customer_id=row.customer_id,
        product=row.product,
        received_at=row.received_at,
        status=row.status,
        asked=Money(amount_minor=row.requested_minor, currency=row.currency),
        credited=None if credited is None else Money(amount_minor=credited, currency=row.currency),
    )


def _amounts(sums: Counter[str]) -> tuple[Money, ...]:
    return tuple(
        Money(amount_minor=minor, currency=currency)
        for currency, minor in sorted(sums.items())
        if minor
    )
