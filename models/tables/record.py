"""Rows that record and carry: audit chain, effect timeline, inbox and outbox."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, UniqueConstraint
from sqlmodel import Field

from models.event import InboxStatus
from models.notice import Channel, OutboxStatus
from models.tables.column import (
    AMOUNT,
    BYTES,
    DOCUMENT,
    INSTANT,
    TEXT,
    Row,
    filled_by_trigger,
    one_of,
)


class AuditRow(Row, table=True):
    """Who did what; each stream (an order, an inquiry's ticket, or `house`) is a hash chain sealed by a trigger."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_newest", "id"),)

    stream: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(primary_key=True, sa_column_kwargs=filled_by_trigger())
    id: int = Field(sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True)])
    happened_at: datetime = Field(sa_type=INSTANT)
    actor_id: str = Field(sa_type=TEXT)
    action: str = Field(sa_type=TEXT)
    subject_id: str = Field(sa_type=TEXT)
    partner_id: str | None = Field(default=None, sa_type=TEXT)
    details: dict[str, Any] = Field(sa_type=DOCUMENT)
    previous_hash: bytes = Field(sa_type=BYTES)
    hash: bytes = Field(sa_type=BYTES)


class EffectRow(Row, table=True):
    """One effect that happened, under its business key: what makes a retry find its own work. Also the timeline.

    `order_id` is the stream that it stands in: the order or, of an inquiry, the ticket (ADR 23).
    """

    __tablename__ = "effects"
    __table_args__ = (Index("ix_effects_order", "order_id", "id"),)

    key: str = Field(primary_key=True, sa_type=TEXT)
    id: int = Field(sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True)])
    order_id: str = Field(sa_type=TEXT)
    cancellation_id: str | None = Field(default=None, sa_type=TEXT)
    happened_at: datetime = Field(sa_type=INSTANT)
    actor_id: str = Field(sa_type=TEXT)
    sentence: str = Field(sa_type=TEXT)
    result: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)


class InboxRow(Row, table=True):
    """One event as received; (source, event id) is seen once, a second body under it is refused."""

    __tablename__ = "inbox"
    __table_args__ = (
        one_of("status", InboxStatus),
        UniqueConstraint("resource_id"),
        CheckConstraint("(status = 'rejected') <= (outcome IS NOT NULL)", name="reason"),
        Index("ix_inbox_due", "next_attempt_at", postgresql_where="status = 'received'"),
    )

    source: str = Field(primary_key=True, foreign_key="event_sources.source", sa_type=TEXT)
    event_id: str = Field(primary_key=True, sa_type=TEXT)
    type: str = Field(sa_type=TEXT)
    body_sha256: bytes = Field(sa_type=BYTES)
    data: dict[str, Any] = Field(sa_type=DOCUMENT)
    received_at: datetime = Field(sa_type=INSTANT)
    resource_id: str = Field(sa_type=TEXT)
    status: str = Field(default=InboxStatus.RECEIVED, sa_type=TEXT)
    attempts: int = 0
    next_attempt_at: datetime = Field(sa_type=INSTANT)
    outcome: dict[str, Any] | None = Field(default=None, sa_type=DOCUMENT)


class OutboxRow(Row, table=True):
    """One message out: written with the effect that caused it, sent later, counted once by its dedupe key.

    `order_id` is the stream of that effect; a mail about an inquiry may concern no customer.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("channel", Channel),
        one_of("status", OutboxStatus),
        UniqueConstraint("dedupe_key"),
        UniqueConstraint("subject", "subject_sequence"),
        UniqueConstraint("id", "feed_position"),
        CheckConstraint(
            "channel = 'mail' OR (order_id IS NULL) = (customer_id IS NULL)",
            name="of_an_order",
        ),
        CheckConstraint("(status = 'bounced') = (bounced_at IS NOT NULL)", name="bounced"),
        CheckConstraint(
            "num_nulls(feed_position, subject, subject_sequence) IN (0, 3)", name="placed_whole"
        ),
        Index(
            "ix_outbox_due",
            "next_attempt_at",
            postgresql_where="status = 'pending' AND channel = 'mail'",
        ),
        Index("ix_outbox_mails", "order_id", postgresql_where="channel = 'mail'"),
        Index(
            "ix_outbox_unplaced",
            "sequence",
            postgresql_where="channel = 'event' AND feed_position IS NULL",
        ),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    sequence: int = Field(sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True)])
    dedupe_key: str = Field(sa_type=TEXT)
    channel: str = Field(sa_type=TEXT)
    kind: str = Field(sa_type=TEXT)
    order_id: str | None = Field(default=None, sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str | None = Field(default=None, sa_type=TEXT)
    recipient_id: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)
    facts: dict[str, Any] = Field(sa_type=DOCUMENT)
    created_at: datetime = Field(sa_type=INSTANT)
    status: str = Field(default=OutboxStatus.PENDING, sa_type=TEXT)
    attempts: int = 0
    next_attempt_at: datetime = Field(sa_type=INSTANT)
    sent_at: datetime | None = Field(default=None, sa_type=INSTANT)
    bounced_at: datetime | None = Field(default=None, sa_type=INSTANT)
    resent_at: datetime | None = Field(default=None, sa_type=INSTANT)
    last_error: str | None = Field(default=None, sa_type=TEXT)
    feed_position: int | None = Field(default=None, sa_type=AMOUNT, unique=True)
    subject: str | None = Field(default=None, sa_type=TEXT)
    subject_sequence: int | None = Field(default=None, sa_type=AMOUNT)
