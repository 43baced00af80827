"""Rows of statements, credit notes, the entries they claim and their renditions; all of them append-only."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field

from models.outlook import Language
from models.statement import NumberSeries
from models.tables.column import AMOUNT, BYTES, INSTANT, TEXT, Row, one_of

# A statement is written after its parts and seals them, so they point at it before it is there.
_SEALED: dict[str, Any] = {"deferrable": True, "initially": "DEFERRED"}
_STATEMENT = ["statements.id", "statements.partner_id", "statements.currency"]


def _hash() -> CheckConstraint:
    return CheckConstraint("sha256 = encode(sha256(content), 'hex')", name="hash")


class NumberSeriesRow(Row, table=True):
    """The last number given in a series and year; it moves by one, in the transaction that uses the number."""

    __tablename__ = "number_series"
    __table_args__ = (one_of("series", NumberSeries),)

    series: str = Field(primary_key=True, sa_type=TEXT)
    year: int = Field(primary_key=True)
    last: int


class StatementRow(Row, table=True):
    """One closed period of one partner and currency. It is written last of its parts, and seals them."""

    __tablename__ = "statements"
    __table_args__ = (
        UniqueConstraint("year", "number"),
        UniqueConstraint("partner_id", "currency", "closes_at"),
        UniqueConstraint("id", "partner_id", "currency"),
        UniqueConstraint("settlement_id"),
        ForeignKeyConstraint(
            ["settlement_id", "partner_id", "currency"],
            ["ledger_entries.id", "ledger_entries.partner_id", "ledger_entries.currency"],
        ),
        CheckConstraint("due_minor = total_minor - credited_minor", name="due"),
        CheckConstraint("(due_minor = 0) = (settlement_id IS NULL)", name="settled"),
        CheckConstraint(
            "opens_at < closes_at AND closes_at AT TIME ZONE 'UTC'"
            " <= date_trunc('month', opens_at AT TIME ZONE 'UTC') + interval '1 month'",
            name="within_month",
        ),
        CheckConstraint("issued_at >= closes_at", name="over"),
        _hash(),
        Index("ix_statements_partner_newest", "partner_id", "issued_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    year: int
    number: int
    partner_id: str = Field(foreign_key="partners.id", sa_type=TEXT)
    currency: str = Field(sa_type=TEXT)
    opens_at: datetime = Field(sa_type=INSTANT)
    closes_at: datetime = Field(sa_type=INSTANT)
    issued_at: datetime = Field(sa_type=INSTANT)
    total_minor: int = Field(sa_type=AMOUNT)
    credited_minor: int = Field(sa_type=AMOUNT)
    due_minor: int = Field(sa_type=AMOUNT)
    settlement_id: str | None = Field(default=None, sa_type=TEXT)
    content: bytes = Field(sa_type=BYTES)
    sha256: str = Field(sa_type=TEXT)


class CreditNoteRow(Row, table=True):
    """What one statement takes back of an earlier one; at most one note for each pair."""

    __tablename__ = "credit_notes"
    __table_args__ = (
        UniqueConstraint("year", "number"),
        UniqueConstraint("statement_id", "original_id"),
        UniqueConstraint("id", "statement_id"),
        ForeignKeyConstraint(["statement_id", "partner_id", "currency"], _STATEMENT, **_SEALED),
        ForeignKeyConstraint(["original_id", "partner_id", "currency"], _STATEMENT),
        CheckConstraint("original_id <> statement_id", name="earlier"),
        CheckConstraint("total_minor > 0", name="total_positive"),
        _hash(),
        Index("ix_credit_notes_partner_newest", "partner_id", "issued_at", "id"),
    )

    id: str = Field(primary_key=True, sa_type=TEXT)
    year: int
    number: int
    statement_id: str = Field(sa_type=TEXT)
    original_id: str = Field(sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    currency: str = Field(sa_type=TEXT)
    issued_at: datetime = Field(sa_type=INSTANT)
    total_minor: int = Field(sa_type=AMOUNT)
    content: bytes = Field(sa_type=BYTES)
    sha256: str = Field(sa_type=TEXT)


class StatementEntryRow(Row, table=True):
    """A ledger entry claimed by a statement, on one of its credit notes or among its own lines; once, ever."""

    __tablename__ = "statement_entries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["entry_id", "partner_id", "currency"],
            ["ledger_entries.id", "ledger_entries.partner_id", "ledger_entries.currency"],
        ),
        ForeignKeyConstraint(["statement_id", "partner_id", "currency"], _STATEMENT, **_SEALED),
        ForeignKeyConstraint(
            ["credit_note_id", "statement_id"], ["credit_notes.id", "credit_notes.statement_id"]
        ),
        Index("ix_statement_entries_statement", "statement_id"),
    )

    entry_id: str = Field(primary_key=True, sa_type=TEXT)
    statement_id: str = Field(sa_type=TEXT)
    credit_note_id: str | None = Field(default=None, sa_type=TEXT)
    partner_id: str = Field(sa_type=TEXT)
    currency: str = Field(sa_type=TEXT)
    amount_minor: int = Field(sa_type=AMOUNT)


class RenditionRow(Row, table=True):
    """A statement or credit note as a PDF in one language."""

    __tablename__ = "renditions"
    __table_args__ = (
        one_of("language", Language),
        CheckConstraint("paper_id = coalesce(statement_id, credit_note_id)", name="paper"),
        CheckConstraint("num_nonnulls(statement_id, credit_note_id) = 1", name="one_paper"),
        _hash(),
    )

    paper_id: str = Field(primary_key=True, sa_type=TEXT)
    language: str = Field(primary_key=True, sa_type=TEXT)
    statement_id: str | None = Field(default=None, foreign_key="statements.id", sa_type=TEXT)
    credit_note_id: str | None = Field(default=None, foreign_key="credit_notes.id", sa_type=TEXT)
    content: bytes = Field(sa_type=BYTES)
    sha256: str = Field(sa_type=TEXT)
    rendered_at: datetime = Field(sa_type=INSTANT)
