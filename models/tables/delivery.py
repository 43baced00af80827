"""Rows of deliveries and of every attempt at them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Identity, Index, UniqueConstraint
from sqlmodel import Field

from models.delivery import DeliveryStatus
from models.tables.column import AMOUNT, INSTANT, TEXT, Row, one_of


class DeliveryRow(Row, table=True):
    """One event for one endpoint; a test, which is in no feed, has no position."""

    __tablename__ = "deliveries"
    __table_args__ = (
        one_of("status", DeliveryStatus),
        UniqueConstraint("endpoint_id", "event_id"),
        ForeignKeyConstraint(["event_id", "position"], ["outbox.id", "outbox.feed_position"]),
        CheckConstraint(
            "(position IS NULL) = (type = 'keydesk.test.v1')", name="only_tests_unplaced"
        ),
        CheckConstraint("leased_until IS NULL OR status = 'pending'", name="leased_while_pending"),
        Index(
            "ix_deliveries_due",
            "endpoint_id",
            "next_attempt_at",
            "number",
            postgresql_where="status = 'pending'",
        ),
        Index(
            "ix_deliveries_waiting",
            "endpoint_id",
            "subject",
            "sequence",
            postgresql_where="status = 'pending'",
        ),
        Index("ix_deliveries_leased", "endpoint_id", postgresql_where="leased_until IS NOT NULL"),
        Index("ix_deliveries_newest", "endpoint_id", "number"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    number: int = Field(sa_type=AMOUNT, unique=True, sa_column_args=[Identity(always=True)])
    endpoint_id: str = Field(foreign_key="endpoints.id", sa_type=TEXT)
    event_id: str = Field(sa_type=TEXT)
    position: int | None = Field(default=None, sa_type=AMOUNT)
    type: str = Field(sa_type=TEXT)
    subject: str = Field(sa_type=TEXT)
    sequence: int = Field(sa_type=AMOUNT)
    queued_at: datetime = Field(sa_type=INSTANT)
    status: str = Field(default=DeliveryStatus.PENDING, sa_type=TEXT)
    status_at: datetime = Field(sa_type=INSTANT)
    attempts: int = 0
    tries: int = 0
    first_tried_at: datetime | None = Field(default=None, sa_type=INSTANT)
    next_attempt_at: datetime = Field(sa_type=INSTANT)
    leased_until: datetime | None = Field(default=None, sa_type=INSTANT)


class DeliveryAttemptRow(Row, table=True):
    """One attempt, as it went; a number that is missing belongs to a worker that died on the way."""

    __tablename__ = "delivery_attempts"

    delivery_id: str = Field(primary_key=True, foreign_key="deliveries.id", sa_type=TEXT)
    number: int = Field(primary_key=True)
    started_at: datetime = Field(sa_type=INSTANT)
    duration_ms: int
    status_code: int | None = None
    error: str | None = Field(default=None, sa_type=TEXT)
    answer: str | None = Field(default=None, sa_type=TEXT)
