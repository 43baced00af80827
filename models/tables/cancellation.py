"""Rows of cancellations and credits."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, UniqueConstraint
from sqlmodel import Field

from models.cancellation import CancellationStatus
from models.decision import Verdict
from models.tables.column import AMOUNT, DOCUMENT, INSTANT, TEXT, UNITS, Row, one_of
from models.ticket import Impact

_OVER = "('ineligible', 'declined', 'withdrawn', 'expired', 'compensated', 'completed')"
_LINE = [
    "order_lines.id",
    "order_lines.order_id",
    "order_lines.partner_id",
    "order_lines.customer_id",
]
_PRICED = [f"order_lines.{c}" for c in ("id", "total_minor", "currency", "window_closes_at")]


class CancellationRow(Row, table=True):
    """A request to cancel one line: the seed's form, the clock that counts, and how far it has come."""

    __tablename__ = "cancellations"
    __table_args__ = (
        one_of("status", CancellationStatus),
        one_of("impact", Impact),
        ForeignKeyConstraint(["line_id", "order_id", "partner_id", "customer_id"], _LINE),
        ForeignKeyConstraint(
            ["line_id", "line_total_minor", "currency", "window_closes_at"], _PRICED
        ),
        UniqueConstraint("line_id", "request_number"),
        UniqueConstraint("id", "requester_id"),
        UniqueConstraint("id", "line_id", "order_id", "partner_id", "customer_id"),
        CheckConstraint("requested_minor BETWEEN 1 AND line_total_minor", name="requested"),
        CheckConstraint(
            "received_at <= window_closes_at OR status IN ('received', 'ineligible')",
            name="in_window",
        ),
        Index(
            "uq_cancellations_one_open",
            "line_id",
            unique=True,
            postgresql_where=f"status NOT IN {_OVER}",
        ),
        Index("ix_cancellations_partner_newest", "partner_id", "received_at", "id"),
        Index("ix_cancellations_customer_newest", "customer_id", "received_at", "id"),
        Index(
            "ix_cancellations_running",
            "received_at",
            postgresql_where=f"status NOT IN {_OVER}",
        ),
        Index("ix_cancellations_order", "order_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    line_id: str = Field(sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    quantity: int
    units: tuple[int, ...] = Field(sa_type=UNITS)
    request_number: int
    workflow_id: str = Field(unique=True, sa_type=TEXT)
    requester_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    received_at: datetime = Field(sa_type=INSTANT)
    line_total_minor: int = Field(sa_type=AMOUNT)
    currency: str = Field(sa_type=TEXT)
    window_closes_at: datetime = Field(sa_type=INSTANT)
    status: str = Field(default=CancellationStatus.RECEIVED, sa_type=TEXT)
    status_at: datetime = Field(sa_type=INSTANT)
    reason: str = Field(sa_type=TEXT)
    reason_code: str | None = Field(default=None, sa_type=TEXT)
    impact: str = Field(sa_type=TEXT)
    title: str | None = Field(default=None, sa_type=TEXT)
    requested_minor: int = Field(sa_type=AMOUNT)
    contact_name: str = Field(sa_type=TEXT)
    contact_email: str = Field(sa_type=TEXT)
    contact_phone: str = Field(sa_type=TEXT)
    quote: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)


class CreditRow(Row, table=True):
    """Money given back: tied to an approval of the same amount, to its line's charge and to its ledger entry."""

    __tablename__ = "credits"
    __table_args__ = (
        ForeignKeyConstraint(
            ["cancellation_id", "line_id", "order_id", "partner_id", "customer_id"],
            [
                f"cancellations.{c}"
                for c in ("id", "line_id", "order_id", "partner_id", "customer_id")
            ],
        ),
        ForeignKeyConstraint(
            ["decision_id", "cancellation_id", "verdict", "amount_minor", "decided_at"],
            [
                f"decisions.{c}"
                for c in ("id", "cancellation_id", "verdict", "amount_minor", "decided_at")
            ],
        ),
        ForeignKeyConstraint(
            ["line_id", "line_total_minor", "currency", "window_closes_at"], _PRICED
        ),
        ForeignKeyConstraint(
            ["entry_id", "partner_id", "currency"],
            ["ledger_entries.id", "ledger_entries.partner_id", "ledger_entries.currency"],
        ),
        UniqueConstraint("cancellation_id"),
        UniqueConstraint("entry_id"),
        CheckConstraint("verdict = 'approved'", name="approved"),
        CheckConstraint("amount_minor BETWEEN 1 AND line_total_minor", name="within_charge"),
        CheckConstraint("booked_at >= decided_at", name="after_decision"),
        Index("ix_credits_line", "line_id"),
        Index("ix_credits_partner_newest", "partner_id", "booked_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(
        sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True, start=500001)]
    )
    cancellation_id: str = Field(sa_type=TEXT)
    decision_id: str = Field(sa_type=TEXT)
    verdict: str = Field(default=Verdict.APPROVED, sa_type=TEXT)
    decided_at: datetime = Field(sa_type=INSTANT)
    line_id: str = Field(sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    line_total_minor: int = Field(sa_type=AMOUNT)
    window_closes_at: datetime = Field(sa_type=INSTANT)
    amount_minor: int = Field(sa_type=AMOUNT)
    currency: str = Field(sa_type=TEXT)
    entry_id: str = Field(sa_type=TEXT)
    booked_at: datetime = Field(sa_type=INSTANT)
