"""Rows of delegations."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from models.tables.column import INSTANT, TEXT, Row


class DelegationRow(Row, table=True):
    """One approver acts for another from–until; a trigger sees to the sides, the roles, and one at a time."""

    __tablename__ = "delegations"
    __table_args__ = (
        CheckConstraint("approver_id <> delegate_id", name="not_oneself"),
        CheckConstraint("begins_at < ends_at", name="begins_first"),
        CheckConstraint("made_by <> delegate_id", name="not_for_oneself"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_by IS NULL)", name="revoked_whole"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    approver_id: str = Field(foreign_key="users.id", index=True, sa_type=TEXT)
    delegate_id: str = Field(foreign_key="users.id", index=True, sa_type=TEXT)
    begins_at: datetime = Field(sa_type=INSTANT)
    ends_at: datetime = Field(sa_type=INSTANT)
    made_by: str = Field(foreign_key="users.id", sa_type=TEXT)
    made_at: datetime = Field(sa_type=INSTANT)
    revoked_by: str | None = Field(default=None, foreign_key="users.id", sa_type=TEXT)
    revoked_at: datetime | None = Field(default=None, sa_type=INSTANT)
