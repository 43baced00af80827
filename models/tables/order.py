"""Rows of orders, their lines, and the software items that lines become."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, UniqueConstraint
from sqlmodel import Field

from models.order import OrderStatus
from models.software import SoftwareStatus
from models.tables.column import AMOUNT, DOCUMENT, INSTANT, TEXT, Row, one_of

TENANCY = ("partner_id", "customer_id")


class OrderRow(Row, table=True):
    """An order; partner and customer are tied to every row below it by composite keys."""

    __tablename__ = "orders"
    __table_args__ = (
        one_of("status", OrderStatus),
        ForeignKeyConstraint(
            ["partner_id", "customer_id"], ["customers.partner_id", "customers.id"]
        ),
        UniqueConstraint("id", "partner_id", "customer_id", "currency"),
        UniqueConstraint("id", "partner_id", "customer_id"),
        UniqueConstraint("id", "partner_id", "currency"),
        UniqueConstraint("partner_id", "reference"),
        CheckConstraint("total_minor > 0", name="total_positive"),
        Index("ix_orders_partner_newest", "partner_id", "placed_at", "id"),
        Index("ix_orders_customer_newest", "customer_id", "placed_at", "id"),
        Index("ix_orders_waiting", "placed_at", postgresql_where="status IN ('placed', 'charged')"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(
        sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True, start=100001)]
    )
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    placed_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    placed_at: datetime = Field(sa_type=INSTANT)
    currency: str = Field(sa_type=TEXT)
    total_minor: int = Field(sa_type=AMOUNT)
    reference: str | None = Field(default=None, sa_type=TEXT)
    status: str = Field(default=OrderStatus.PLACED, sa_type=TEXT)
    status_at: datetime = Field(sa_type=INSTANT)


class OrderLineRow(Row, table=True):
    """A priced line, with the policy frozen on it."""

    __tablename__ = "order_lines"
    __table_args__ = (
        ForeignKeyConstraint(
            ["order_id", "partner_id", "customer_id", "currency"],
            ["orders.id", "orders.partner_id", "orders.customer_id", "orders.currency"],
        ),
        UniqueConstraint("order_id", "line_number"),
        UniqueConstraint("id", "order_id", "partner_id", "customer_id"),
        UniqueConstraint("id", "total_minor", "currency", "window_closes_at"),
        UniqueConstraint("id", "sku"),
        CheckConstraint("quantity BETWEEN 1 AND 10000", name="quantity"),
        CheckConstraint("unit_price_minor > 0", name="price_positive"),
        CheckConstraint("total_minor = unit_price_minor * quantity", name="total"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    line_number: int
    sku: str = Field(foreign_key="products.sku", sa_type=TEXT)
    quantity: int
    unit_price_minor: int = Field(sa_type=AMOUNT)
    total_minor: int = Field(sa_type=AMOUNT)
    currency: str = Field(sa_type=TEXT)
    policy_id: str = Field(foreign_key="policies.id", sa_type=TEXT)
    policy: dict[str, Any] = Field(sa_type=DOCUMENT)
    policy_sha256: str = Field(sa_type=TEXT)
    window_closes_at: datetime = Field(sa_type=INSTANT)


class SoftwareItemRow(Row, table=True):
    """What the customer's Software page lists: one per line."""

    __tablename__ = "software_items"
    __table_args__ = (
        one_of("status", SoftwareStatus),
        ForeignKeyConstraint(
            ["line_id", "order_id", "partner_id", "customer_id"],
            [
                "order_lines.id",
                "order_lines.order_id",
                "order_lines.partner_id",
                "order_lines.customer_id",
            ],
        ),
        UniqueConstraint("line_id"),
        UniqueConstraint("id", "line_id", "order_id", "partner_id", "customer_id"),
        Index("ix_software_items_customer_newest", "customer_id", "id"),
        Index("ix_software_items_order", "order_id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    line_id: str = Field(sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    status: str = Field(default=SoftwareStatus.PREPARING, sa_type=TEXT)
    status_at: datetime = Field(sa_type=INSTANT)
