"""The ledger as it is read: entries with their postings, oldest first, streamed however many there are."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, func, select

from models.ledger import AccountKind, Entry, EntryKind, Posting
from models.money import Money
from models.tables.column import table
from models.tables.statement import StatementRow
from storage.ledger import accounts, entries, postings

_statements = table(StatementRow)

_BATCH = 1000


def count_entries(connection: Connection) -> int:
    """How many entries there are to read."""
    return connection.execute(select(func.count()).select_from(entries)).scalar_one()


def read_entries(connection: Connection) -> Iterator[Entry]:
    """Every entry in the order in which it was booked."""
    rows = connection.execution_options(yield_per=_BATCH).execute(
        select(
            entries,
            accounts.c.kind.label("account_kind"),
            postings.c.account_id,
            postings.c.account_version,
            postings.c.amount_minor,
            postings.c.balance_after_minor,
            _statements.c.id.label("statement_id"),
        )
        .join(postings, postings.c.entry_id == entries.c.id)
        .join(accounts, accounts.c.id == postings.c.account_id)
        .outerjoin(_statements, _statements.c.settlement_id == entries.c.id)
        .order_by(entries.c.booked_at, entries.c.id, postings.c.amount_minor.desc())
    )
    for _, group in groupby(rows, key=lambda row: row.id):
        yield _entry(list(group))


def _entry(rows: list[Row[Any]]) -> Entry:
    first = rows[0]
    return Entry(
        id=first.id,
        kind=EntryKind(first.kind),
        business_key=first.business_key,
        partner_id=first.partner_id,
        order_id=first.order_id,
        statement_id=first.statement_id,
        booked_at=first.booked_at,
        postings=tuple(_posting(row) for row in rows),
    )


def _posting(row: Row[Any]) -> Posting:
    return Posting(
        account_id=row.account_id,
        account_kind=AccountKind(row.account_kind),
        amount=Money(amount_minor=row.amount_minor, currency=row.currency),
        account_version=row.account_version,
        balance_after_minor=row.balance_after_minor,
    )
