"""Quotes in the book: what the rule says of a line at an instant, with everything it looked at."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, ScalarSelect, exists, func, select

from models.cancellation import CREDITED, OVER, LineFacts, Quote
from models.catalogue import KeyMode
from models.errors import NotFound
from models.money import Money
from models.order import OrderStatus
from models.outlook import QuoteRecord
from models.policy import CancellationPolicy
from models.tables.column import UnitNumbers, table
from models.tables.product_key import DownloadLinkRow, KeyRevealRow, ProductKeyRow
from rules.cancellation import may_divide, quote
from rules.outlook import outlook
from rules.term import term_days
from rules.unit import choose_units, units_left
from storage import case as case_book

cancellations = case_book.cancellations
software = case_book.software
lines = case_book.lines
orders = case_book.orders
products = case_book.products
reveals = table(KeyRevealRow)
links = table(DownloadLinkRow)
keys = table(ProductKeyRow)


def quote_software(
    connection: Connection,
    software_id: str,
    received_at: datetime,
    *,
    quantity: int | None = None,
) -> QuoteRecord:
    """What cancelling so many units of this item, or all that are left, brings at that instant."""
    line = line_of(connection, software_id)
    return quote_line(line, received_at, quantity, choose(line, quantity))


def choose(line: Row[Any], quantity: int | None) -> tuple[int, ...]:
    """The units that go when so many are asked for; all that are left where the line cannot be divided."""
    policy = CancellationPolicy.model_validate(line.policy)
    left = units_left(line.quantity, line.gone or ())
    if quantity is None or not may_divide(policy, divisible=_is_divisible(line)):
        return left
    return choose_units(left, line.seen or (), quantity)


def quote_line(
    line: Row[Any],
    received_at: datetime,
    quantity: int | None,
    units: Collection[int],
    requested: Money | None = None,
) -> QuoteRecord:
    """The verdict under the terms frozen on the line, with what lies ahead; `units` are those that would go."""
    policy = CancellationPolicy.model_validate(line.policy)
    found: Quote = quote(_facts(line, quantity, units), policy, received_at, requested)
    ahead = outlook(found, policy, requested)
    return QuoteRecord(**dict(found), outlook=ahead, reasons=policy.reasons)


def line_of(connection: Connection, software_id: str, own_id: str | None = None) -> Row[Any]:
    """The line behind an item with all that the rule looks at; NotFound if there is none.

    The case `own_id` does not stand in its own way.
    """
    live = (
        select(cancellations.c.id)
        .where(
            cancellations.c.line_id == lines.c.id,
            cancellations.c.status.not_in(OVER),
            cancellations.c.id != (own_id or ""),
        )
        .exists()
    )
    requests_before = (
        select(func.count())
        .select_from(cancellations)
        .where(cancellations.c.line_id == lines.c.id)
        .scalar_subquery()
    )
    found = connection.execute(
        select(
            lines,
            orders.c.placed_at,
            orders.c.status.label("order_status"),
            products.c.term_duration,
            products.c.key_mode,
            _held().label("held"),
            _gone().label("gone"),
            _seen().label("seen"),
            live.label("cancellation_open"),
            exists()
            .where(links.c.line_id == lines.c.id, links.c.uses > 0)
            .label("download_started"),
            requests_before.label("requests_before"),
        )
        .join(software, software.c.line_id == lines.c.id)
        .join(orders, orders.c.id == lines.c.order_id)
        .join(products, products.c.sku == lines.c.sku)
        .where(software.c.id == software_id)
    ).one_or_none()
    if found is None:
        raise NotFound("software")
    return found


def _held() -> ScalarSelect[Any]:
    """How many units of a line have a key."""
    return (
        select(func.count(keys.c.unit_number.distinct()))
        .where(keys.c.line_id == lines.c.id)
        .scalar_subquery()
    )


def _gone() -> ScalarSelect[Any]:
    """The units of a line that are credited."""
    united = func.range_agg(cancellations.c.units, type_=UnitNumbers())
    return (
        select(united)
        .where(cancellations.c.line_id == lines.c.id, cancellations.c.status.in_(CREDITED))
        .scalar_subquery()
    )


def _seen() -> ScalarSelect[Any]:
    """The units of a line whose key somebody has seen."""
    return (
        select(func.array_agg(keys.c.unit_number.distinct()))
        .select_from(reveals.join(keys, keys.c.id == reveals.c.key_id))
        .where(reveals.c.line_id == lines.c.id)
        .scalar_subquery()
    )


def _is_divisible(line: Row[Any]) -> bool:
    """Asked of the keys once there are any: the product's key mode may have changed since the sale."""
    divisible: bool = line.held == line.quantity if line.held else line.key_mode == KeyMode.PER_UNIT
    return divisible


def _facts(line: Row[Any], quantity: int | None, units: Collection[int]) -> LineFacts:
    gone, seen = set(line.gone or ()), set(line.seen or ())
    cancelled = len(gone) == line.quantity
    return LineFacts(
        line_id=line.id,
        placed_at=line.placed_at,
        window_closes_at=line.window_closes_at,
        quantity=line.quantity,
        unit_price=Money(amount_minor=line.unit_price_minor, currency=line.currency),
        total=Money(amount_minor=line.total_minor, currency=line.currency),
        term_days=term_days(line.term_duration, line.placed_at),
        fulfilled=line.order_status in (OrderStatus.FULFILLED, OrderStatus.FINAL),
        cancelled=cancelled,
        cancellation_open=line.cancellation_open,
        key_revealed=bool(seen if cancelled else seen & set(units)),
        download_started=line.download_started,
        cancelled_quantity=len(gone),
        wanted_quantity=quantity,
        divisible=_is_divisible(line),
    )
