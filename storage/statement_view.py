"""Statements and credit notes as the doors show them: bytes as they were issued, and lists."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, false, select, tuple_

from models.money import Money
from models.outlook import Language
from models.principal import Principal
from models.statement import (
    CreditNoteSummary,
    NumberSeries,
    StatementSummary,
    paper_number,
)
from models.tables.column import table
from models.tables.statement import CreditNoteRow, RenditionRow, StatementRow
from storage.scope import within

_statements = table(StatementRow)
_credit_notes = table(CreditNoteRow)
_renditions = table(RenditionRow)
_PAPERS = {NumberSeries.STATEMENT: _statements, NumberSeries.CREDIT_NOTE: _credit_notes}


def find_paper(
    connection: Connection, principal: Principal, series: NumberSeries, paper_id: str
) -> bytes | None:
    """The JSON of one statement or credit note that the caller may see, as it was issued."""
    papers = _PAPERS[series]
    query = select(papers.c.content).where(papers.c.id == paper_id)
    found: bytes | None = connection.execute(
        _of_partner(query, papers, principal)
    ).scalar_one_or_none()
    return found


def find_pages(connection: Connection, paper_id: str, language: Language) -> bytes | None:
    """Its PDF; None until it is typeset."""
    pages = select(_renditions.c.content).where(
        _renditions.c.paper_id == paper_id, _renditions.c.language == language
    )
    found: bytes | None = connection.execute(pages).scalar_one_or_none()
    return found


def list_statements(
    connection: Connection,
    principal: Principal,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[StatementSummary]:
    """Newest first; `after` is the last (issued_at, id) of the page before."""
    query = _newest_first(_statements, principal, after, limit)
    return [_statement(row) for row in connection.execute(query)]


def list_credit_notes(
    connection: Connection,
    principal: Principal,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[CreditNoteSummary]:
    """Newest first; `after` is the last (issued_at, id) of the page before."""
    query = _newest_first(_credit_notes, principal, after, limit)
    return [_credit_note(row) for row in connection.execute(query)]


def _newest_first(
    papers: Table, principal: Principal, after: tuple[datetime, str] | None, limit: int
) -> Select[Any]:
    shown = [column for column in papers.c if column.name != "content"]
    key = (papers.c.issued_at, papers.c.id)
    query = select(*shown).order_by(key[0].desc(), key[1].desc()).limit(limit)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return _of_partner(query, papers, principal)


def _of_partner(query: Select[Any], papers: Table, principal: Principal) -> Select[Any]:
    """A paper is a partner's, never one customer's."""
    if principal.customer_id is not None:
        return query.where(false())
    return within(query, papers, principal)


def _statement(row: Row[Any]) -> StatementSummary:
    def money(minor: int) -> Money:
        return Money(amount_minor=minor, currency=row.currency)

    return StatementSummary(
        id=row.id,
        number=paper_number(NumberSeries.STATEMENT, row.year, row.number),
        partner_id=row.partner_id,
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        issued_at=row.issued_at,
        total=money(row.total_minor),
        credited=money(row.credited_minor),
        due=money(row.due_minor),
    )


def _credit_note(row: Row[Any]) -> CreditNoteSummary:
    return CreditNoteSummary(
        id=row.id,
        number=paper_number(NumberSeries.CREDIT_NOTE, row.year, row.number),
        partner_id=row.partner_id,
        statement_id=row.statement_id,
        original_statement_id=row.original_id,
        issued_at=row.issued_at,
        total=Money(amount_minor=row.total_minor, currency=row.currency),
    )
