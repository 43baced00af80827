"""Rows of sessions."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from models.session import SignInMethod
from models.tables.column import BYTES, INSTANT, TEXT, Row, one_of


class SessionRow(Row, table=True):
    """One session; of its secret only the hash is here, so that a stolen book opens nothing."""

    __tablename__ = "sessions"
    __table_args__ = (
        one_of("method", SignInMethod),
        CheckConstraint(
            "expires_at > started_at AND expires_at <= started_at + interval '24 hours'",
            name="within_a_day",
        ),
        CheckConstraint("seen_at >= started_at AND seen_at < expires_at", name="seen_in_time"),
        CheckConstraint("ended_at >= started_at", name="ended_later"),
        Index("ix_sessions_open", "user_id", "started_at", postgresql_where="ended_at IS NULL"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    secret_sha256: bytes = Field(unique=True, sa_type=BYTES)
    user_id: str = Field(foreign_key="users.id", sa_type=TEXT)
    method: str = Field(sa_type=TEXT)
    device: str = Field(sa_type=TEXT)
    started_at: datetime = Field(sa_type=INSTANT)
    seen_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
