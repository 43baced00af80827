"""Rows of replacements of leaked keys, and of the attempts to settle them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index
from sqlmodel import Field

from models.decision import Verdict
from models.replacement import ReplacementStatus
from models.tables.column import INSTANT, TEXT, Row, one_of

_KEY = [
    "product_keys.id",
    "product_keys.line_id",
    "product_keys.partner_id",
    "product_keys.customer_id",
]


class ReplacementRow(Row, table=True):
    """One request to replace a key; both keys are of its line, and whoever decides is not who asked."""

    __tablename__ = "replacements"
    __table_args__ = (
        one_of("status", ReplacementStatus),
        ForeignKeyConstraint(
            ["line_id", "order_id", "partner_id", "customer_id"],
            [
                "order_lines.id",
                "order_lines.order_id",
                "order_lines.partner_id",
                "order_lines.customer_id",
            ],
        ),
        ForeignKeyConstraint(["old_key_id", "line_id", "partner_id", "customer_id"], _KEY),
        ForeignKeyConstraint(["new_key_id", "line_id", "partner_id", "customer_id"], _KEY),
        CheckConstraint("old_key_id <> new_key_id", name="another_key"),
        CheckConstraint("(status = 'completed') = (new_key_id IS NOT NULL)", name="new_key"),
        CheckConstraint(
            "(status IN ('requested', 'pending_approval')) = (decided_by IS NULL)", name="decided"
        ),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided_whole"),
        CheckConstraint(
            "status NOT IN ('approved', 'completed', 'declined') OR decided_by <> requester_id",
            name="not_the_requester",
        ),
        Index(
            "uq_replacements_one_open",
            "line_id",
            unique=True,
            postgresql_where="status IN ('requested', 'pending_approval', 'approved')",
        ),
        Index("ix_replacements_partner_newest", "partner_id", "requested_at", "id"),
        Index("ix_replacements_requested", "requested_at", postgresql_where="status = 'requested'"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    line_id: str = Field(sa_type=TEXT)
    order_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    old_key_id: str = Field(sa_type=TEXT)
    new_key_id: str | None = Field(default=None, unique=True, sa_type=TEXT)
    reason: str = Field(sa_type=TEXT)
    requester_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    requested_at: datetime = Field(sa_type=INSTANT)
    status: str = Field(sa_type=TEXT)
    status_at: datetime = Field(sa_type=INSTANT)
    decided_by: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    note: str | None = Field(default=None, sa_type=TEXT)


class ReplacementAttemptRow(Row, table=True):
    """Every try to settle a replacement, also the refused ones."""

    __tablename__ = "replacement_attempts"
    __table_args__ = (one_of("verdict", Verdict),)

    id: str = Field(primary_key=True, sa_type=TEXT)
    replacement_id: str = Field(foreign_key="replacements.id", sa_type=TEXT, index=True)
    actor_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    verdict: str = Field(sa_type=TEXT)
    note: str | None = Field(default=None, sa_type=TEXT)
    attempted_at: datetime = Field(sa_type=INSTANT)
