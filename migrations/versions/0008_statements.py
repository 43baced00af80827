"""The tables of statements and credit notes, and entries that settle them (ADR 0014)."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LEDGER = """
ALTER TABLE ledger_entries ALTER order_id DROP NOT NULL;
ALTER TABLE ledger_entries DROP CONSTRAINT ck_ledger_entries_kind_known;
ALTER TABLE ledger_entries ADD CONSTRAINT ck_ledger_entries_kind_known
  CHECK (kind IN ('charge', 'reversal', 'credit', 'settlement'));
ALTER TABLE ledger_entries ADD CONSTRAINT ck_ledger_entries_settlement
  CHECK ((kind = 'settlement') = (order_id IS NULL));
ALTER TABLE ledger_accounts DROP CONSTRAINT ck_ledger_accounts_kind_known;
ALTER TABLE ledger_accounts ADD CONSTRAINT ck_ledger_accounts_kind_known
  CHECK (kind IN ('receivable', 'sales', 'refunds', 'billed'));
CREATE INDEX ix_ledger_entries_account ON ledger_entries (partner_id, currency, booked_at);
"""

_HASH = "sha256 = encode(sha256(content), 'hex')"


def _series() -> None:
    op.create_table(
        "number_series",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.CheckConstraint("series IN ('statement', 'credit_note')", name=op.f("ck_number_series_series_known")),
        sa.PrimaryKeyConstraint("series", "year", name=op.f("pk_number_series")),
    )


def _paper(*columns: sa.Column) -> tuple[sa.Column, ...]:
    return (
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        *columns,
    )


def _statements() -> None:
    op.create_table(
        "statements",
        *_paper(
            sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
            sa.Column("credited_minor", sa.BigInteger(), nullable=False),
            sa.Column("due_minor", sa.BigInteger(), nullable=False),
            sa.Column("settlement_id", sa.Text(), nullable=True),
        ),
        sa.CheckConstraint("due_minor = total_minor - credited_minor", name=op.f("ck_statements_due")),
        sa.CheckConstraint("(due_minor = 0) = (settlement_id IS NULL)", name=op.f("ck_statements_settled")),
        sa.CheckConstraint(
            "opens_at < closes_at AND closes_at AT TIME ZONE 'UTC'"
            " <= date_trunc('month', opens_at AT TIME ZONE 'UTC') + interval '1 month'",
            name=op.f("ck_statements_within_month"),
        ),
        sa.CheckConstraint("issued_at >= closes_at", name=op.f("ck_statements_over")),
        sa.CheckConstraint(_HASH, name=op.f("ck_statements_hash")),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("fk_statements_partner_id")),
        sa.ForeignKeyConstraint(
            ["settlement_id", "partner_id", "currency"],
            ["ledger_entries.id", "ledger_entries.partner_id", "ledger_entries.currency"],
            name=op.f("fk_statements_settlement_id_partner_id_currency"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.UniqueConstraint("year", "number", name=op.f("uq_statements_year_number")),
        sa.UniqueConstraint(
            "partner_id", "currency", "closes_at", name=op.f("uq_statements_partner_id_currency_closes_at")
        ),
        sa.UniqueConstraint("id", "partner_id", "currency", name=op.f("uq_statements_id_partner_id_currency")),
        sa.UniqueConstraint("settlement_id", name=op.f("uq_statements_settlement_id")),
    )
    op.create_index("ix_statements_partner_newest", "statements", ["partner_id", "issued_at", "id"])


def _sealed(*columns: str, table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        list(columns),
        ["statements.id", "statements.partner_id", "statements.currency"],
        name=op.f(f"fk_{table}_{'_'.join(columns)}"),
        deferrable=True,
        initially="DEFERRED",
    )


def _credit_notes() -> None:
    op.create_table(
        "credit_notes",
        *_paper(
            sa.Column("statement_id", sa.Text(), nullable=False),
            sa.Column("original_id", sa.Text(), nullable=False),
        ),
        sa.CheckConstraint("original_id <> statement_id", name=op.f("ck_credit_notes_earlier")),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_credit_notes_total_positive")),
        sa.CheckConstraint(_HASH, name=op.f("ck_credit_notes_hash")),
        _sealed("statement_id", "partner_id", "currency", table="credit_notes"),
        sa.ForeignKeyConstraint(
            ["original_id", "partner_id", "currency"],
            ["statements.id", "statements.partner_id", "statements.currency"],
            name=op.f("fk_credit_notes_original_id_partner_id_currency"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_notes")),
        sa.UniqueConstraint("year", "number", name=op.f("uq_credit_notes_year_number")),
        sa.UniqueConstraint("statement_id", "original_id", name=op.f("uq_credit_notes_statement_id_original_id")),
        sa.UniqueConstraint("id", "statement_id", name=op.f("uq_credit_notes_id_statement_id")),
    )
    op.create_index("ix_credit_notes_partner_newest", "credit_notes", ["partner_id", "issued_at", "id"])


def _claims() -> None:
    op.create_table(
        "statement_entries",
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("credit_note_id", sa.Text(), nullable=True),
        sa.Column("partner_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id", "partner_id", "currency"],
            ["ledger_entries.id", "ledger_entries.partner_id", "ledger_entries.currency"],
            name=op.f("fk_statement_entries_entry_id_partner_id_currency"),
        ),
        _sealed("statement_id", "partner_id", "currency", table="statement_entries"),
        sa.ForeignKeyConstraint(
            ["credit_note_id", "statement_id"],
            ["credit_notes.id", "credit_notes.statement_id"],
            name=op.f("fk_statement_entries_credit_note_id_statement_id"),
        ),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_statement_entries")),
    )
    op.create_index("ix_statement_entries_statement", "statement_entries", ["statement_id"])


def _renditions() -> None:
    op.create_table(
        "renditions",
        sa.Column("paper_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("statement_id", sa.Text(), nullable=True),
        sa.Column("credit_note_id", sa.Text(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("rendered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("language IN ('en', 'cs')", name=op.f("ck_renditions_language_known")),
        sa.CheckConstraint("paper_id = coalesce(statement_id, credit_note_id)", name=op.f("ck_renditions_paper")),
        sa.CheckConstraint("num_nonnulls(statement_id, credit_note_id) = 1", name=op.f("ck_renditions_one_paper")),
        sa.CheckConstraint(_HASH, name=op.f("ck_renditions_hash")),
        sa.ForeignKeyConstraint(["statement_id"], ["statements.id"], name=op.f("fk_renditions_statement_id")),
        sa.ForeignKeyConstraint(["credit_note_id"], ["credit_notes.id"], name=op.f("fk_renditions_credit_note_id")),
        sa.PrimaryKeyConstraint("paper_id", "language", name=op.f("pk_renditions")),
    )


def upgrade() -> None:
    op.execute(LEDGER)
    for create in (_series, _statements, _credit_notes, _claims, _renditions):
        create()
