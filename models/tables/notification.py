"""Rows of what people do not want to be told."""

from datetime import datetime

from sqlmodel import Field

from models.notification import NoticeGroup
from models.tables.column import INSTANT, TEXT, Row, one_of


class NoticeOffRow(Row, table=True):
    """A group of notices that a person left out, and since when."""

    __tablename__ = "notices_off"
    __table_args__ = (one_of("notice_group", NoticeGroup),)

    user_id: str = Field(primary_key=True, foreign_key="users.id", sa_type=TEXT)
    notice_group: str = Field(primary_key=True, sa_type=TEXT)
    since: datetime = Field(sa_type=INSTANT)
