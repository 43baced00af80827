"""Cancellations and credits as the doors show them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, select, tuple_

from models.approval import Approval
from models.cancellation import Cancellation, CancellationStatus
from models.catalogue import KeyMode
from models.credit import Credit
from models.decision import Decision
from models.money import Money
from models.outlook import QuoteRecord
from models.principal import Principal
from models.tables.column import table
from models.tables.statement import StatementEntryRow
from storage.approval import approvals_of, rule_of
from storage.case import CASE, cancellations, credits_, decisions, software, stands, tickets
from storage.revision import revision_column
from storage.scope import within
from storage.undo import find_undo

_claims = table(StatementEntryRow)


def find_cancellation(
    connection: Connection, principal: Principal, cancellation_id: str
) -> Cancellation | None:
    """One case the caller may see."""
    query = within(CASE.where(cancellations.c.id == cancellation_id), cancellations, principal)
    return next(iter(_read(connection, query)), None)


def find_by_ticket(
    connection: Connection, principal: Principal, ticket_id: str
) -> Cancellation | None:
    """The case of a ticket the caller may see."""
    query = within(CASE.where(tickets.c.id == ticket_id), cancellations, principal)
    return next(iter(_read(connection, query)), None)


def list_cancellations(
    connection: Connection,
    principal: Principal,
    *,
    order_id: str | None = None,
    status: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Cancellation]:
    """Newest first; `after` is the last (received_at, id) of the page before."""
    key = (cancellations.c.received_at, cancellations.c.id)
    query = CASE.order_by(key[0].desc(), key[1].desc()).limit(limit)
    query = within(query, cancellations, principal)
    if order_id is not None:
        query = query.where(cancellations.c.order_id == order_id)
    if status is not None:
        query = query.where(cancellations.c.status == status)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return _read(connection, query)


def find_quote(connection: Connection, cancellation_id: str) -> QuoteRecord | None:
    """What a case was judged by, once it was."""
    stored = connection.execute(
        select(cancellations.c.quote).where(cancellations.c.id == cancellation_id)
    ).scalar_one_or_none()
    return None if stored is None else QuoteRecord.model_validate(stored)


def order_of_software(connection: Connection, principal: Principal, software_id: str) -> str | None:
    """The order behind a software item the caller may see."""
    query = select(software.c.order_id).where(software.c.id == software_id)
    found: str | None = connection.execute(within(query, software, principal)).scalar_one_or_none()
    return found


def find_decision(
    connection: Connection, cancellation_id: str, decision_id: str | None = None
) -> Decision | None:
    """The verdict of a case, if it has one; with an id that decision, even if it was taken back."""
    which = stands() if decision_id is None else decisions.c.id == decision_id
    row = connection.execute(
        select(decisions, cancellations.c.currency)
        .join(cancellations, cancellations.c.id == decisions.c.cancellation_id)
        .where(decisions.c.cancellation_id == cancellation_id, which)
    ).one_or_none()
    if row is None:
        return None
    amount = (
        None
        if row.amount_minor is None
        else Money(amount_minor=row.amount_minor, currency=row.currency)
    )
    return Decision(
        id=row.id,
        cancellation_id=row.cancellation_id,
        verdict=row.verdict,
        decided_by=row.decided_by,
        on_behalf_of=row.on_behalf_of,
        amount=amount,
        note=row.note,
        reason_code=row.reason_code,
        decided_at=row.decided_at,
        automatic=row.automatic,
        undo_until=row.undo_until,
        undo=find_undo(connection, row.id),
    )


def list_credits(
    connection: Connection,
    principal: Principal,
    *,
    credit_id: str | None = None,
    order_id: str | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Credit]:
    """Newest first; `after` is the last (booked_at, id) of the page before."""
    key = (credits_.c.booked_at, credits_.c.id)
    query = (
        select(credits_, _claims.c.credit_note_id, _claims.c.statement_id)
        .outerjoin(_claims, _claims.c.entry_id == credits_.c.entry_id)
        .order_by(key[0].desc(), key[1].desc())
        .limit(limit)
    )
    query = within(query, credits_, principal)
    if credit_id is not None:
        query = query.where(credits_.c.id == credit_id)
    if order_id is not None:
        query = query.where(credits_.c.order_id == order_id)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    return [_credit(row) for row in connection.execute(query)]


def _read(connection: Connection, query: Select[Any]) -> list[Cancellation]:
    revision = revision_column(cancellations.c.order_id)
    rows = connection.execute(query.add_columns(revision.label("revision"))).all()
    needed = {row.id: rule_of(row).approvals_needed for row in rows}
    given = approvals_of(connection, [case_id for case_id, people in needed.items() if people > 1])
    return [_cancellation(row, needed[row.id], given.get(row.id, ())) for row in rows]


def _cancellation(
    row: Row[Any], approvals_needed: int, approvals: tuple[Approval, ...]
) -> Cancellation:
    return Cancellation(
        id=row.id,
        order_id=row.order_id,
        order_number=row.order_number,
        line_id=row.line_id,
        software_id=row.software_id,
        partner_id=row.partner_id,
        customer_id=row.customer_id,
        requester_id=row.requester_id,
        received_at=row.received_at,
        window_closes_at=row.window_closes_at,
        status=row.status,
        reason=row.reason,
        reason_code=row.reason_code,
        quantity=row.quantity,
        units=row.units if row.key_mode == KeyMode.PER_UNIT else (),
        requested_amount=Money(amount_minor=row.requested_minor, currency=row.currency),
        ticket_id=row.ticket_id,
        ticket_number=row.ticket_number,
        verdict=row.verdict,
        decision_id=row.decision_id,
        undo_until=row.undo_until if row.status == CancellationStatus.APPROVED else None,
        approvals_needed=approvals_needed,
        approvals=approvals,
        credit_id=row.credit_id,
        workflow_id=row.workflow_id,
        revision=row.revision,
    )


def _credit(row: Row[Any]) -> Credit:
    return Credit(
        id=row.id,
        number=row.number,
        cancellation_id=row.cancellation_id,
        order_id=row.order_id,
        line_id=row.line_id,
        partner_id=row.partner_id,
        customer_id=row.customer_id,
        amount=Money(amount_minor=row.amount_minor, currency=row.currency),
        booked_at=row.booked_at,
        entry_id=row.entry_id,
        credit_note_id=row.credit_note_id,
        statement_id=row.statement_id,
    )
