"""Rows of attachments, and of who read them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Identity, Index
from sqlmodel import Field

from models.attachment import LARGEST_BYTES, MediaType
from models.tables.column import AMOUNT, INSTANT, TEXT, Row, one_of


class AttachmentRow(Row, table=True):
    """An attachment; its bytes lie on the shelf under its id and hash, and go when it is withdrawn."""

    __tablename__ = "attachments"
    __table_args__ = (
        one_of("media_type", MediaType),
        CheckConstraint("audience IN ('internal', 'partner')", name="audience_known"),
        CheckConstraint("char_length(name) BETWEEN 1 AND 120", name="name"),
        CheckConstraint(f"size_bytes BETWEEN 1 AND {LARGEST_BYTES}", name="size"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="hash"),
        CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)", name="withdrawn_whole"),
        Index("ix_attachments_ticket", "ticket_id", "uploaded_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    ticket_id: str = Field(foreign_key="tickets.id", sa_type=TEXT)
    name: str = Field(sa_type=TEXT)
    media_type: str = Field(sa_type=TEXT)
    size_bytes: int = Field(sa_type=AMOUNT)
    sha256: str = Field(sa_type=TEXT)
    audience: str = Field(sa_type=TEXT)
    uploaded_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    uploaded_at: datetime = Field(sa_type=INSTANT)
    withdrawn_by: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)
    withdrawn_at: datetime | None = Field(default=None, sa_type=INSTANT)


class AttachmentReadRow(Row, table=True):
    """Somebody was given the bytes; no effect of the case, whose approvers need not hear of it."""

    __tablename__ = "attachment_reads"
    __table_args__ = (Index("ix_attachment_reads_attachment", "attachment_id"),)

    number: int = Field(primary_key=True, sa_type=AMOUNT, sa_column_args=[Identity(always=True)])
    attachment_id: str = Field(foreign_key="attachments.id", sa_type=TEXT)
    read_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    read_at: datetime = Field(sa_type=INSTANT)
