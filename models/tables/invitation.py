"""Rows of invitations that were used; those that were not are nowhere but in the mails."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from models.tables.column import AMOUNT, BYTES, INSTANT, TEXT, Row


class InvitationUseRow(Row, table=True):
    """One invitation spent on one attempt to decide, by the person its mail went to."""

    __tablename__ = "invitation_uses"
    __table_args__ = (CheckConstraint("used_at < expires_at", name="in_time"),)

    token_sha256: bytes = Field(primary_key=True, sa_type=BYTES)
    notice_id: str = Field(foreign_key="outbox.id", unique=True, sa_type=TEXT)
    attempt_id: str = Field(foreign_key="decision_attempts.id", unique=True, sa_type=TEXT)
    revision: int = Field(sa_type=AMOUNT)
    expires_at: datetime = Field(sa_type=INSTANT)
    used_at: datetime = Field(sa_type=INSTANT)
