"""Rows of downloads: every transfer of a link's file, with the use that paid for it."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.tables.column import AMOUNT, INSTANT, TEXT, Row


class DownloadRow(Row, table=True):
    """One transfer; the first part of a use counts, later ones go on after a break. Nothing tells who fetched it."""

    __tablename__ = "downloads"
    __table_args__ = (
        ForeignKeyConstraint(
            ["link_id", "line_id", "partner_id", "customer_id", "file_id"],
            [
                "download_links.id",
                "download_links.line_id",
                "download_links.partner_id",
                "download_links.customer_id",
                "download_links.file_id",
            ],
        ),
        UniqueConstraint("link_id", "use_number", "part"),
        CheckConstraint("use_number >= 1 AND part BETWEEN 1 AND 100", name="part"),
        CheckConstraint("first_byte >= 0 AND first_byte <= stop_byte", name="range"),
        CheckConstraint("(ended_at IS NULL) = (served_bytes IS NULL)", name="ended"),
        CheckConstraint("served_bytes BETWEEN 0 AND stop_byte - first_byte", name="served"),
        Index("ix_downloads_line", "line_id", "started_at"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    link_id: str = Field(sa_type=TEXT)
    line_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    customer_id: str = Field(sa_type=TEXT)
    file_id: str = Field(sa_type=TEXT)
    use_number: int
    part: int
    started_at: datetime = Field(sa_type=INSTANT)
    first_byte: int = Field(sa_type=AMOUNT)
    stop_byte: int = Field(sa_type=AMOUNT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
    served_bytes: int | None = Field(default=None, sa_type=AMOUNT)
