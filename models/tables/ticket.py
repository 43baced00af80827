"""Rows of tickets and their notes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, UniqueConstraint
from sqlmodel import Field

from models.tables.column import AMOUNT, INSTANT, TEXT, Row, one_of
from models.ticket import Audience, Impact, ProblemType, TicketKind


class TicketRow(Row, table=True):
    """A ticket; its status is derived from the case, only `closed_at` and two flags stand here."""

    __tablename__ = "tickets"
    __table_args__ = (
        one_of("kind", TicketKind),
        one_of("impact", Impact),
        one_of("problem_type", ProblemType),
        ForeignKeyConstraint(
            ["order_id", "partner_id", "customer_id"],
            ["orders.id", "orders.partner_id", "orders.customer_id"],
        ),
        ForeignKeyConstraint(
            ["cancellation_id", "line_id", "order_id", "partner_id", "customer_id"],
            [
                f"cancellations.{c}"
                for c in ("id", "line_id", "order_id", "partner_id", "customer_id")
            ],
        ),
        UniqueConstraint("cancellation_id"),
        CheckConstraint("(kind = 'cancellation') = (cancellation_id IS NOT NULL)", name="case"),
        CheckConstraint("closed_at >= opened_at", name="closed_after_open"),
        Index(
            "uq_tickets_one_open_incident",
            "order_id",
            unique=True,
            postgresql_where="kind = 'incident' AND closed_at IS NULL",
        ),
        Index("ix_tickets_newest", "opened_at", "id"),
        Index("ix_tickets_partner_newest", "partner_id", "opened_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(
        sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True, start=300001)]
    )
    kind: str = Field(sa_type=TEXT)
    problem_type: str = Field(sa_type=TEXT)
    cancellation_id: str | None = Field(default=None, sa_type=TEXT)
    line_id: str | None = Field(default=None, sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    impact: str = Field(sa_type=TEXT)
    title: str = Field(sa_type=TEXT)
    description: str = Field(sa_type=TEXT)
    reason: str | None = Field(default=None, sa_type=TEXT)
    requested_minor: int | None = Field(default=None, sa_type=AMOUNT)
    currency: str | None = Field(default=None, sa_type=TEXT)
    contact_name: str | None = Field(default=None, sa_type=TEXT)
    contact_email: str | None = Field(default=None, sa_type=TEXT)
    contact_phone: str | None = Field(default=None, sa_type=TEXT)
    opened_at: datetime = Field(sa_type=INSTANT)
    respond_by: datetime = Field(sa_type=INSTANT)
    waiting_for_requester: bool = False
    needs_attention: str | None = Field(default=None, sa_type=TEXT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)


class TicketNoteRow(Row, table=True):
    """A note; never rewritten."""

    __tablename__ = "ticket_notes"
    __table_args__ = (
        one_of("audience", Audience),
        Index("ix_ticket_notes_ticket", "ticket_id", "written_at"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    ticket_id: str = Field(foreign_key="tickets.id", sa_type=TEXT)
    author_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    audience: str = Field(sa_type=TEXT)
    text: str = Field(sa_type=TEXT)
    written_at: datetime = Field(sa_type=INSTANT)
