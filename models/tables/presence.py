"""Rows of presence: who has which ticket open."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from models.tables.column import INSTANT, TEXT, Row


class PresenceRow(Row, table=True):
    """One person's last sign of looking at one ticket. It is no part of the book, and a crash may empty it."""

    __tablename__ = "presences"
    __table_args__ = (
        CheckConstraint("since <= seen_at AND seen_at < seen_until", name="in_order"),
        {"prefixes": ["UNLOGGED"]},
    )

    ticket_id: str = Field(primary_key=True, foreign_key="tickets.id", sa_type=TEXT)
    user_id: str = Field(primary_key=True, foreign_key="users.id", sa_type=TEXT)
    since: datetime = Field(sa_type=INSTANT)
    seen_at: datetime = Field(sa_type=INSTANT)
    seen_until: datetime = Field(sa_type=INSTANT, index=True)
