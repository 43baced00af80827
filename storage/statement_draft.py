"""What a statement will hold: an account's unclaimed entries as lines, those apart that take an earlier one back."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from models.ledger import EntryKind
from models.money import Money, zero
from models.policy import CancellationPolicy, OfferedReason
from models.statement import (
    Account,
    NumberSeries,
    PaperRef,
    StatementLine,
    paper_number,
)

_LINES = text("""
SELECT e.id AS entry_id, e.kind, e.booked_at, e.currency, o.id AS order_id, o.number AS order_number,
       o.customer_id, c.name AS customer_name, l.sku, p.title AS product,
       coalesce(k.quantity, l.quantity) AS quantity, l.unit_price_minor,
       CASE e.kind WHEN 'charge' THEN l.total_minor WHEN 'reversal' THEN -l.total_minor
                   ELSE -d.amount_minor END AS amount_minor,
       d.id AS credit_id, d.number AS credit_number, t.number AS ticket_number,
       k.reason_code, CASE WHEN k.reason_code IS NOT NULL THEN l.policy END AS policy,
       s.id AS original_id, s.year, s.number, s.opens_at, s.closes_at, s.issued_at
FROM ledger_accounts a
JOIN ledger_postings q ON q.account_id = a.id
JOIN ledger_entries e ON e.id = q.entry_id
JOIN orders o ON o.id = e.order_id
JOIN customers c ON c.id = o.customer_id
JOIN order_lines l ON l.order_id = e.order_id AND l.id = coalesce(e.line_id, l.id)
JOIN products p ON p.sku = l.sku
LEFT JOIN credits d ON d.entry_id = e.id
LEFT JOIN cancellations k ON k.id = d.cancellation_id
LEFT JOIN tickets t ON t.cancellation_id = d.cancellation_id
LEFT JOIN ledger_entries b ON b.order_id = e.order_id AND b.kind = 'charge' AND e.kind <> 'charge'
LEFT JOIN statement_entries n ON n.entry_id = b.id
LEFT JOIN statements s ON s.id = n.statement_id
WHERE a.partner_id = :partner_id AND a.currency = :currency AND a.kind = 'receivable'
  AND e.booked_at < :closes_at AND e.kind <> 'settlement'
  AND NOT EXISTS (SELECT FROM statement_entries x WHERE x.entry_id = e.id)
ORDER BY e.booked_at, e.id, l.line_number
""")


class Noted(NamedTuple):
    """What is taken back of one earlier statement; amounts are positive."""

    original: PaperRef
    lines: tuple[StatementLine, ...]
    total: Money


class Draft(NamedTuple):
    """Everything that a closing claims; the lines of the statement itself are signed."""

    lines: tuple[StatementLine, ...]
    total: Money
    noted: tuple[Noted, ...]


def draft_statement(
    connection: Connection, account: Account, opens_at: datetime, closes_at: datetime
) -> Draft:
    """The account's unclaimed entries before `closes_at`; those before `opens_at` are late and say so."""
    wanted = account.model_dump() | {"closes_at": closes_at}
    own: list[StatementLine] = []
    originals: dict[str, PaperRef] = {}
    noted: dict[str, list[StatementLine]] = defaultdict(list)
    for row in connection.execute(_LINES, wanted):
        if row.original_id is None:
            own.append(_line(row, opens_at, row.amount_minor))
            continue
        originals.setdefault(row.original_id, _original(row))
        noted[row.original_id].append(_line(row, opens_at, -row.amount_minor))
    in_order = sorted(originals.values(), key=lambda original: original.number)
    return Draft(
        lines=tuple(own),
        total=_total(own, account.currency),
        noted=tuple(
            Noted(original, tuple(noted[original.id]), _total(noted[original.id], account.currency))
            for original in in_order
        ),
    )


def _total(lines: Iterable[StatementLine], currency: str) -> Money:
    return sum((line.amount for line in lines), start=zero(currency))


def _original(row: Row[Any]) -> PaperRef:
    return PaperRef(
        id=row.original_id,
        number=paper_number(NumberSeries.STATEMENT, row.year, row.number),
        opens_at=row.opens_at,
        closes_at=row.closes_at,
        issued_at=row.issued_at,
    )


def _line(row: Row[Any], opens_at: datetime, amount_minor: int) -> StatementLine:
    return StatementLine(
        entry_id=row.entry_id,
        kind=EntryKind(row.kind),
        booked_at=row.booked_at,
        late=row.booked_at < opens_at,
        order_id=row.order_id,
        order_number=row.order_number,
        customer_id=row.customer_id,
        customer_name=row.customer_name,
        sku=row.sku,
        product=row.product,
        quantity=row.quantity,
        unit_price=Money(amount_minor=row.unit_price_minor, currency=row.currency),
        amount=Money(amount_minor=amount_minor, currency=row.currency),
        credit_id=row.credit_id,
        credit_number=row.credit_number,
        ticket_number=row.ticket_number,
        reason=_reason(row),
    )


def _reason(row: Row[Any]) -> OfferedReason | None:
    """In the words of the policy frozen on the line."""
    if row.policy is None:
        return None
    offered = CancellationPolicy.model_validate(row.policy).reasons
    return next((reason for reason in offered if reason.code == row.reason_code), None)
