"""Rows of the double-entry ledger; entries and postings are append-only, balances are kept by a trigger."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.ledger import AccountKind, EntryKind
from models.tables.column import AMOUNT, INSTANT, TEXT, Row, filled_by_trigger, one_of


class AccountRow(Row, table=True):
    """One account of one partner in one currency; `version` counts its postings."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        one_of("kind", AccountKind),
        UniqueConstraint("partner_id", "currency", "kind"),
        UniqueConstraint("id", "partner_id", "currency"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    partner_id: str = Field(foreign_key="partners.id", sa_type=TEXT)
    kind: str = Field(sa_type=TEXT)
    currency: str = Field(sa_type=TEXT)
    balance_minor: int = Field(default=0, sa_type=AMOUNT)
    version: int = Field(default=0, sa_type=AMOUNT)


class EntryRow(Row, table=True):
    """One movement of money under one business key."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        one_of("kind", EntryKind),
        UniqueConstraint("business_key"),
        UniqueConstraint("id", "partner_id", "currency"),
        UniqueConstraint("reverses_id"),
        ForeignKeyConstraint(
            ["order_id", "partner_id", "currency"],
            ["orders.id", "orders.partner_id", "orders.currency"],
        ),
        CheckConstraint("(kind = 'reversal') = (reverses_id IS NOT NULL)", name="reversal"),
        CheckConstraint("(kind = 'settlement') = (order_id IS NULL)", name="settlement"),
        Index("ix_ledger_entries_order", "order_id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    kind: str = Field(sa_type=TEXT)
    business_key: str = Field(sa_type=TEXT)
    partner_id: str = Field(foreign_key="partners.id", sa_type=TEXT)
    order_id: str | None = Field(default=None, sa_type=TEXT)
    line_id: str | None = Field(default=None, sa_type=TEXT)
    currency: str = Field(sa_type=TEXT)
    booked_at: datetime = Field(sa_type=INSTANT)
    reverses_id: str | None = Field(default=None, foreign_key="ledger_entries.id", sa_type=TEXT)


class PostingRow(Row, table=True):
    """One side of an entry. `account_version` and `balance_after_minor` are filled by the database."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["entry_id", "partner_id", "currency"],
            ["ledger_entries.id", "ledger_entries.partner_id", "ledger_entries.currency"],
        ),
        ForeignKeyConstraint(
            ["account_id", "partner_id", "currency"],
            ["ledger_accounts.id", "ledger_accounts.partner_id", "ledger_accounts.currency"],
        ),
        UniqueConstraint("entry_id", "account_id"),
        CheckConstraint("amount_minor <> 0", name="not_zero"),
    )

    account_id: str = Field(primary_key=True, sa_type=TEXT)
    account_version: int = Field(
        primary_key=True, sa_type=AMOUNT, sa_column_kwargs=filled_by_trigger()
    )
    entry_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    currency: str = Field(sa_type=TEXT)
    amount_minor: int = Field(sa_type=AMOUNT)
    balance_after_minor: int = Field(sa_type=AMOUNT)
