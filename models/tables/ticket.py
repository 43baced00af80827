"""Rows of tickets and their notes."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, UniqueConstraint
from sqlmodel import Field

from models.tables.column import AMOUNT, INSTANT, TEXT, WORDS, Row, filled_by_trigger, one_of
from models.ticket import Audience, Impact, ProblemType, TicketKind


class TicketRow(Row, table=True):
    """A ticket; its status is derived from the case, or, of an inquiry, from the instants that stand here."""

    __tablename__ = "tickets"
    __table_args__ = (
        one_of("kind", TicketKind),
        one_of("impact", Impact),
        one_of("problem_type", ProblemType),
        CheckConstraint(
            "CASE kind WHEN 'cancellation' THEN problem_type = 'csp_purchase_and_refund_on_behalf_of_customers'"
            " WHEN 'incident' THEN problem_type = 'product_key_stock' ELSE problem_type NOT IN"
            " ('csp_purchase_and_refund_on_behalf_of_customers', 'product_key_stock') END",
            name="problem_of_kind",
        ),
        ForeignKeyConstraint(
            ["partner_id", "customer_id"], ["customers.partner_id", "customers.id"]
        ),
        ForeignKeyConstraint(
            ["order_id", "partner_id", "customer_id"],
            ["orders.id", "orders.partner_id", "orders.customer_id"],
        ),
        # A composite key with an empty part refers to nothing, so a tenant must not be left out.
        CheckConstraint("order_id IS NULL OR customer_id IS NOT NULL", name="order_of_customer"),
        CheckConstraint("kind = 'inquiry' OR order_id IS NOT NULL", name="order"),
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
        CheckConstraint("respond_by >= opened_at", name="respond_after_open"),
        CheckConstraint(
            "(first_response_at IS NULL) = (first_response_by IS NULL)", name="response_whole"
        ),
        CheckConstraint("first_response_at >= opened_at", name="response_after_open"),
        CheckConstraint("first_response_by <> opened_by", name="response_by_another"),
        CheckConstraint("(resolved_at IS NULL) = (closes_at IS NULL)", name="resolved_whole"),
        CheckConstraint("closes_at >= resolved_at", name="closes_after_resolved"),
        CheckConstraint("kind = 'inquiry' OR resolved_at IS NULL", name="resolved_inquiry"),
        CheckConstraint(
            "kind <> 'inquiry' OR closed_at IS NULL OR coalesce(closed_at >= closes_at, false)",
            name="closed_in_its_time",
        ),
        Index(
            "uq_tickets_one_open_incident",
            "order_id",
            unique=True,
            postgresql_where="kind = 'incident' AND closed_at IS NULL",
        ),
        Index("ix_tickets_newest", "opened_at", "id"),
        Index("ix_tickets_partner_newest", "partner_id", "opened_at", "id"),
        Index("ix_tickets_customer", "customer_id", "opened_at", "id"),
        Index("ix_tickets_open", "opened_at", "id", postgresql_where="closed_at IS NULL"),
        Index(
            "ix_tickets_assignee",
            "assignee_id",
            "opened_at",
            "id",
            postgresql_where="assignee_id IS NOT NULL AND closed_at IS NULL",
        ),
        Index(
            "ix_tickets_due",
            "respond_by",
            "id",
            postgresql_where="first_response_at IS NULL AND closed_at IS NULL",
        ),
        Index(
            "ix_tickets_escalated",
            "opened_at",
            "id",
            postgresql_where="escalated_at IS NOT NULL AND closed_at IS NULL",
        ),
        Index(
            "ix_tickets_closing",
            "closes_at",
            postgresql_where="closes_at IS NOT NULL AND closed_at IS NULL",
        ),
        Index("ix_tickets_words", "words", postgresql_using="gin"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(
        sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True, start=300001)]
    )
    kind: str = Field(sa_type=TEXT)
    problem_type: str = Field(sa_type=TEXT)
    cancellation_id: str | None = Field(default=None, sa_type=TEXT)
    line_id: str | None = Field(default=None, sa_type=TEXT)
    order_id: str | None = Field(default=None, sa_type=TEXT)
    partner_id: str = Field(foreign_key="partners.id", sa_type=TEXT)
    customer_id: str | None = Field(default=None, sa_type=TEXT)
    impact: str = Field(sa_type=TEXT)
    title: str = Field(sa_type=TEXT)
    description: str = Field(sa_type=TEXT)
    reason: str | None = Field(default=None, sa_type=TEXT)
    requested_minor: int | None = Field(default=None, sa_type=AMOUNT)
    currency: str | None = Field(default=None, sa_type=TEXT)
    contact_name: str | None = Field(default=None, sa_type=TEXT)
    contact_email: str | None = Field(default=None, sa_type=TEXT)
    contact_phone: str | None = Field(default=None, sa_type=TEXT)
    opened_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    opened_at: datetime = Field(sa_type=INSTANT)
    respond_by: datetime = Field(sa_type=INSTANT)
    first_response_at: datetime | None = Field(default=None, sa_type=INSTANT)
    first_response_by: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)
    assignee_id: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)
    escalated_at: datetime | None = Field(default=None, sa_type=INSTANT)
    waiting_for_requester: bool = False
    needs_attention: str | None = Field(default=None, sa_type=TEXT)
    resolved_at: datetime | None = Field(default=None, sa_type=INSTANT)
    closes_at: datetime | None = Field(default=None, sa_type=INSTANT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    words: str = Field(sa_type=WORDS, sa_column_kwargs=filled_by_trigger())


class TicketNoteRow(Row, table=True):
    """A note; never rewritten."""

    __tablename__ = "ticket_notes"
    __table_args__ = (
        one_of("audience", Audience),
        Index("ix_ticket_notes_ticket", "ticket_id", "written_at"),
        Index(
            "ix_ticket_notes_customer",
            "ticket_id",
            "written_at",
            "id",
            postgresql_where="audience = 'customer'",
        ),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    ticket_id: str = Field(foreign_key="tickets.id", sa_type=TEXT)
    author_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    audience: str = Field(sa_type=TEXT)
    text: str = Field(sa_type=TEXT)
    written_at: datetime = Field(sa_type=INSTANT)
