"""Quotes in the book: what the rule says of a line at an instant, with everything it looked at."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, exists, func, select

from models.cancellation import OVER, LineFacts, Quote
from models.errors import NotFound
from models.money import Money
from models.order import OrderStatus
from models.outlook import QuoteRecord
from models.policy import CancellationPolicy
from models.tables.column import table
from models.tables.product_key import DownloadLinkRow, KeyRevealRow
from rules.cancellation import quote
from rules.outlook import outlook
from rules.term import term_days
from storage import case as case_book

cancellations = case_book.cancellations
software = case_book.software
lines = case_book.lines
orders = case_book.orders
products = case_book.products
credits_ = case_book.credits_
reveals = table(KeyRevealRow)
links = table(DownloadLinkRow)


def quote_software(
    connection: Connection,
    software_id: str,
    received_at: datetime,
    *,
    requested: Money | None = None,
    own_id: str | None = None,
) -> QuoteRecord:
    """What cancelling this item brings at that instant; the case `own_id` does not stand in its own way."""
    return quote_line(line_of(connection, software_id, own_id), received_at, requested)


def quote_line(line: Row[Any], received_at: datetime, requested: Money | None) -> QuoteRecord:
    """The verdict under the terms frozen on the line, with what lies ahead of it."""
    policy = CancellationPolicy.model_validate(line.policy)
    found: Quote = quote(_facts(line), policy, received_at, requested)
    ahead = outlook(found, policy, requested)
    return QuoteRecord(**dict(found), outlook=ahead, reasons=policy.reasons)


def line_of(connection: Connection, software_id: str, own_id: str | None = None) -> Row[Any]:
    """The line behind an item with all that the rule looks at; NotFound if there is none."""
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
            exists().where(credits_.c.line_id == lines.c.id).label("cancelled"),
            live.label("cancellation_open"),
            exists().where(reveals.c.line_id == lines.c.id).label("key_revealed"),
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


def _facts(line: Row[Any]) -> LineFacts:
    return LineFacts(
        line_id=line.id,
        placed_at=line.placed_at,
        window_closes_at=line.window_closes_at,
        quantity=line.quantity,
        unit_price=Money(amount_minor=line.unit_price_minor, currency=line.currency),
        total=Money(amount_minor=line.total_minor, currency=line.currency),
        term_days=term_days(line.term_duration, line.placed_at),
        fulfilled=line.order_status in (OrderStatus.FULFILLED, OrderStatus.FINAL),
        cancelled=line.cancelled,
        cancellation_open=line.cancellation_open,
        key_revealed=line.key_revealed,
        download_started=line.download_started,
    )
