"""Rows of business calendars."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from models.tables.column import DOCUMENT, INSTANT, TEXT, Row


class CalendarRow(Row, table=True):
    """A partner's calendar, under the partner's id, or everybody's, under `default`."""

    __tablename__ = "calendars"
    __table_args__ = (CheckConstraint("id = coalesce(partner_id, 'default')", name="owner"),)

    id: str = Field(primary_key=True, sa_type=TEXT)
    partner_id: str | None = Field(default=None, foreign_key="partners.id", sa_type=TEXT)
    document: dict[str, Any] = Field(sa_type=DOCUMENT)
    set_at: datetime = Field(sa_type=INSTANT)
    set_by: str = Field(foreign_key="users.id", sa_type=TEXT)
