"""Closing statements: every entry on exactly one, numbers without a gap, and the ledger settled with it."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from models.ids import SYSTEM_USER, Prefix, new_id
from models.ledger import AccountKind
from models.money import zero
from models.outgoing import StatementClosed
from models.statement import (
    Account,
    BilledPartner,
    ClosingStep,
    CreditNote,
    Issuer,
    NotedCredit,
    NumberSeries,
    PaperRef,
    Statement,
    StatementLine,
    paper_number,
)
from models.tables.column import table
from models.tables.principal import PartnerRow
from models.tables.record import AuditRow
from models.tables.statement import (
    CreditNoteRow,
    NumberSeriesRow,
    StatementEntryRow,
    StatementRow,
)
from rules.statement import month_of, require_over
from storage.engine import Database
from storage.event import publish
from storage.ledger import lock_account, post_settlement
from storage.statement_draft import Draft, Noted, draft_statement

statements = table(StatementRow)
credit_notes = table(CreditNoteRow)
statement_entries = table(StatementEntryRow)
_series = table(NumberSeriesRow)
_partners = table(PartnerRow)
_audit = table(AuditRow)
_INSTANT = timedelta(microseconds=1)

# One statement for all rows: a round trip each would take half a minute for a large partner.
_CLAIM = text("""
INSERT INTO statement_entries (entry_id, statement_id, credit_note_id, partner_id, currency, amount_minor)
SELECT entry_id, statement_id, credit_note_id, partner_id, currency, amount_minor
FROM jsonb_populate_recordset(NULL::statement_entries, CAST(:rows AS jsonb))
""")

# An entry counts where it was booked, or, if its statement was closed by then, right after that.
_DUE = text("""
SELECT u.partner_id, u.currency,
       min(least(date_trunc('month', u.counts_at, 'UTC') + interval '1 month', :until)) AS closes_at
FROM (
  SELECT e.partner_id, e.currency, greatest(e.booked_at, s.closed_until) AS counts_at
  FROM ledger_accounts a
  JOIN ledger_postings q ON q.account_id = a.id
  JOIN ledger_entries e ON e.id = q.entry_id
  LEFT JOIN (
    SELECT partner_id, currency, max(closes_at) AS closed_until FROM statements GROUP BY partner_id, currency
  ) s ON (s.partner_id, s.currency) = (a.partner_id, a.currency)
  WHERE a.kind = 'receivable' AND e.kind <> 'settlement' AND e.booked_at < :until
    AND NOT EXISTS (SELECT FROM statement_entries c WHERE c.entry_id = e.id)
    AND a.partner_id = coalesce(:partner_id, a.partner_id) AND a.currency = coalesce(:currency, a.currency)
) u
WHERE u.counts_at < :until
GROUP BY u.partner_id, u.currency
ORDER BY closes_at, u.partner_id, u.currency
LIMIT :most
""")


def due_accounts(connection: Connection, until: datetime, most: int | None = None) -> list[Account]:
    """Accounts with a period to close that ends by `until`, the earliest periods first."""
    wanted = {"until": until, "partner_id": None, "currency": None, "most": most}
    return [
        Account(partner_id=row.partner_id, currency=row.currency)
        for row in connection.execute(_DUE, wanted)
    ]


def close_statement(database: Database, step: ClosingStep, issuer: Issuer) -> Statement | None:
    """Close the earliest period of the account that is due; None when nothing is (left) to close.

    Refused while that period runs. A repeat finds the period closed and goes on to the next one.
    """
    with database.transaction("close_statement") as connection:
        return _close_next(connection, step, issuer)


def preview_statements(database: Database, step: ClosingStep, issuer: Issuer) -> list[Statement]:
    """What closing the account would make: it is closed and all of it taken back, so numbers mean nothing."""
    found = []
    with database.engine.connect() as connection:
        while (statement := _close_next(connection, step, issuer)) is not None:
            found.append(statement)
        connection.rollback()
    return found


def _close_next(connection: Connection, step: ClosingStep, issuer: Issuer) -> Statement | None:
    account = step.account
    # Whoever is posting to this account is waited for, and whoever comes later is on the next statement.
    lock_account(connection, account, AccountKind.RECEIVABLE)
    wanted = account.model_dump() | {"until": step.until, "most": 1}
    due = connection.execute(_DUE, wanted).one_or_none()
    if due is None:
        return None
    require_over(due.closes_at, step.at)
    return _issue(connection, account, due.closes_at, step.at, issuer)


def _issue(
    connection: Connection, account: Account, closes_at: datetime, at: datetime, issuer: Issuer
) -> Statement:
    opens_at = _opens_at(connection, account, closes_at)
    draft = draft_statement(connection, account, opens_at, closes_at)
    statement_id = new_id(Prefix.STATEMENT)
    # Before the number is taken: from then on every other closing waits for this one.
    _claim(connection, account, statement_id, None, draft.lines)
    number = _next_number(connection, NumberSeries.STATEMENT, at)
    own = PaperRef(
        id=statement_id,
        number=paper_number(NumberSeries.STATEMENT, at.year, number),
        opens_at=opens_at,
        closes_at=closes_at,
        issued_at=at,
    )
    partner = _billed(connection, account.partner_id)
    notes = [_note(connection, own, noted, issuer, partner) for noted in draft.noted]
    for note in notes:
        _claim(connection, account, own.id, note.id, note.lines)
    statement = _statement(own, draft, notes, issuer, partner)
    _seal(connection, statement, number)
    return statement


def _opens_at(connection: Connection, account: Account, closes_at: datetime) -> datetime:
    """Where the statement before it ended, or with its month."""
    newest = (
        select(statements.c.closes_at)
        .where(statements.c.partner_id == account.partner_id)
        .where(statements.c.currency == account.currency)
        .order_by(statements.c.closes_at.desc())
        .limit(1)
    )
    closed_until: datetime | None = connection.execute(newest).scalar_one_or_none()
    month = month_of(closes_at - _INSTANT)
    return month if closed_until is None else max(month, closed_until)


def _next_number(connection: Connection, series: NumberSeries, at: datetime) -> int:
    """The series waits for this transaction to end, so that a number taken back leaves no gap."""
    first = upsert(_series).values(series=series, year=at.year, last=1)
    moved = first.on_conflict_do_update(
        index_elements=["series", "year"], set_={"last": _series.c.last + 1}
    )
    number: int = connection.execute(moved.returning(_series.c.last)).scalar_one()
    return number


def _billed(connection: Connection, partner_id: str) -> BilledPartner:
    row = connection.execute(select(_partners).where(_partners.c.id == partner_id)).one()
    return BilledPartner(id=row.id, name=row.name, mpn_id=row.mpn_id, country=row.country)


def _note(
    connection: Connection, own: PaperRef, noted: Noted, issuer: Issuer, partner: BilledPartner
) -> CreditNote:
    number = _next_number(connection, NumberSeries.CREDIT_NOTE, own.issued_at)
    note = CreditNote(
        id=new_id(Prefix.CREDIT_NOTE),
        number=paper_number(NumberSeries.CREDIT_NOTE, own.issued_at.year, number),
        issuer=issuer,
        partner=partner,
        currency=noted.total.currency,
        issued_at=own.issued_at,
        original=noted.original,
        statement=own,
        lines=noted.lines,
        total=noted.total,
    )
    connection.execute(
        insert(credit_notes).values(
            id=note.id,
            year=own.issued_at.year,
            number=number,
            statement_id=own.id,
            original_id=noted.original.id,
            partner_id=partner.id,
            currency=note.currency,
            issued_at=note.issued_at,
            total_minor=note.total.amount_minor,
            **_kept(note),
        )
    )
    return note


def _claim(
    connection: Connection,
    account: Account,
    statement_id: str,
    note_id: str | None,
    lines: Iterable[StatementLine],
) -> None:
    """Every entry once; the database refuses one that another statement claims."""
    moved: dict[str, int] = defaultdict(int)
    for line in lines:
        moved[line.entry_id] += (
            line.amount.amount_minor if note_id is None else -line.amount.amount_minor
        )
    owner = account.model_dump() | {"statement_id": statement_id, "credit_note_id": note_id}
    rows = [owner | {"entry_id": key, "amount_minor": amount} for key, amount in moved.items()]
    connection.execute(_CLAIM, {"rows": json.dumps(rows)})


def _statement(
    own: PaperRef, draft: Draft, notes: list[CreditNote], issuer: Issuer, partner: BilledPartner
) -> Statement:
    credited = sum((note.total for note in notes), start=zero(draft.total.currency))
    return Statement(
        **dict(own),
        issuer=issuer,
        partner=partner,
        currency=draft.total.currency,
        lines=draft.lines,
        total=draft.total,
        credit_notes=tuple(
            NotedCredit(
                id=note.id,
                number=note.number,
                original_number=note.original.number,
                total=note.total,
            )
            for note in notes
        ),
        credited=credited,
        due=draft.total + credited * -1,
    )


def _seal(connection: Connection, statement: Statement, number: int) -> None:
    """Settle what it claims and write it; the database then refuses any sum that is not right."""
    account = Account(partner_id=statement.partner.id, currency=statement.currency)
    connection.execute(
        insert(statements).values(
            id=statement.id,
            year=statement.issued_at.year,
            number=number,
            **dict(account),
            opens_at=statement.opens_at,
            closes_at=statement.closes_at,
            issued_at=statement.issued_at,
            total_minor=statement.total.amount_minor,
            credited_minor=statement.credited.amount_minor,
            due_minor=statement.due.amount_minor,
            settlement_id=post_settlement(connection, account, statement),
            **_kept(statement),
        )
    )
    connection.execute(
        insert(_audit).values(
            stream=account.partner_id,
            happened_at=statement.issued_at,
            actor_id=SYSTEM_USER,
            action="statement.closed",
            subject_id=statement.id,
            partner_id=account.partner_id,
            details={"number": statement.number, "due": str(statement.due)},
        )
    )
    publish(
        connection,
        StatementClosed.of(statement),
        key=f"{statement.id}/close_statement",
        partner_id=account.partner_id,
        at=statement.issued_at,
    )


def _kept(paper: Statement | CreditNote) -> dict[str, Any]:
    """The paper's JSON as it is given out for ever, and what proves that it was not touched."""
    content = paper.model_dump_json().encode()
    return {"content": content, "sha256": sha256(content).hexdigest()}
