"""Rows of the stock of product keys: thresholds set by people, and the alerts of pools that fell below."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from models.tables.column import INSTANT, TEXT, Row


class StockThresholdRow(Row, table=True):
    """How few keys of a SKU are too few; a SKU without a row has the threshold of the settings."""

    __tablename__ = "stock_thresholds"
    __table_args__ = (CheckConstraint("threshold >= 0", name="not_negative"),)

    sku: str = Field(primary_key=True, foreign_key="products.sku", sa_type=TEXT)
    threshold: int
    set_at: datetime = Field(sa_type=INSTANT)
    set_by: str = Field(sa_type=TEXT)


class StockAlertRow(Row, table=True):
    """A pool that fell below its threshold, until it was filled again; one is open at a time, so one is told."""

    __tablename__ = "stock_alerts"
    __table_args__ = (
        CheckConstraint("available >= 0 AND available < threshold", name="below"),
        CheckConstraint("cleared_at >= raised_at", name="cleared_later"),
        Index(
            "uq_stock_alerts_one_open", "sku", unique=True, postgresql_where="cleared_at IS NULL"
        ),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    sku: str = Field(foreign_key="products.sku", sa_type=TEXT)
    threshold: int
    available: int
    raised_at: datetime = Field(sa_type=INSTANT)
    cleared_at: datetime | None = Field(default=None, sa_type=INSTANT)
