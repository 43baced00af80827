"""Rows of customers, products, prices, files and cancellation policies."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.catalogue import Family, KeyMode
from models.tables.column import AMOUNT, DOCUMENT, INSTANT, TEXT, TEXTS, Row, one_of


class CustomerRow(Row, table=True):
    """A customer of exactly one partner."""

    __tablename__ = "customers"
    __table_args__ = (UniqueConstraint("partner_id", "id"),)

    id: str = Field(primary_key=True, sa_type=TEXT)
    partner_id: str = Field(foreign_key="partners.id", sa_type=TEXT)
    name: str = Field(sa_type=TEXT)
    tenant_id: str = Field(unique=True, sa_type=TEXT)
    domain: str = Field(unique=True, sa_type=TEXT)
    country: str = Field(sa_type=TEXT)


class ProductRow(Row, table=True):
    """A SKU."""

    __tablename__ = "products"
    __table_args__ = (
        one_of("family", Family),
        one_of("key_mode", KeyMode),
        CheckConstraint("(family = 'subscription') = (term_duration IS NOT NULL)", name="term"),
        CheckConstraint("maximum_quantity BETWEEN 1 AND 10000", name="maximum"),
    )

    sku: str = Field(primary_key=True, sa_type=TEXT)
    product_id: str = Field(sa_type=TEXT)
    title: str = Field(sa_type=TEXT)
    publisher: str = Field(sa_type=TEXT)
    family: str = Field(sa_type=TEXT)
    key_mode: str = Field(sa_type=TEXT)
    term_duration: str | None = Field(default=None, sa_type=TEXT)
    maximum_quantity: int


class PriceRow(Row, table=True):
    """What one unit of a SKU costs in one currency."""

    __tablename__ = "prices"
    __table_args__ = (CheckConstraint("amount_minor > 0", name="positive"),)

    sku: str = Field(primary_key=True, foreign_key="products.sku", sa_type=TEXT)
    currency: str = Field(primary_key=True, sa_type=TEXT)
    amount_minor: int = Field(sa_type=AMOUNT)


class ProductFileRow(Row, table=True):
    """One downloadable build; at most one of a combination is offered, and a withdrawn one stays as it was."""

    __tablename__ = "product_files"
    __table_args__ = (
        Index(
            "uq_product_files_offered",
            "sku",
            "version",
            "language",
            "bitness",
            unique=True,
            postgresql_where="withdrawn_at IS NULL",
        ),
        CheckConstraint(
            "num_nonnulls(withdrawn_at, withdrawn_by, withdrawn_reason) IN (0, 3)",
            name="withdrawn_whole",
        ),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    sku: str = Field(foreign_key="products.sku", sa_type=TEXT)
    version: str = Field(sa_type=TEXT)
    language: str = Field(sa_type=TEXT)
    bitness: str = Field(sa_type=TEXT)
    file_name: str = Field(sa_type=TEXT)
    size_bytes: int = Field(sa_type=AMOUNT)
    sha256: str = Field(sa_type=TEXT)
    withdrawn_at: datetime | None = Field(default=None, sa_type=INSTANT)
    withdrawn_by: str | None = Field(default=None, sa_type=TEXT)
    withdrawn_reason: str | None = Field(default=None, sa_type=TEXT)


class PolicyRow(Row, table=True):
    """One version of the cancellation policy of a family, or of some SKUs of it; never rewritten."""

    __tablename__ = "policies"
    __table_args__ = (
        one_of("family", Family),
        UniqueConstraint("family", "skus", "version"),
        UniqueConstraint("family", "skus", "effective_from"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    family: str = Field(sa_type=TEXT)
    skus: list[str] = Field(
        default_factory=list, sa_type=TEXTS, sa_column_kwargs={"server_default": "{}"}
    )
    version: int
    effective_from: datetime = Field(sa_type=INSTANT)
    document: dict[str, Any] = Field(sa_type=DOCUMENT)
    sha256: str = Field(sa_type=TEXT)
