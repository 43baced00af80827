"""Verifying the book: every invariant as one query, all on one snapshot, with the rows that break it."""

from collections.abc import Callable
from datetime import datetime

from pydantic import AwareDatetime
from sqlalchemy import Connection, text

from models.base import Value
from rules.transition import KEY_MOVES
from storage.engine import Database
from storage.invariant import Invariant
from storage.invariants.attachment import ATTACHMENTS
from storage.invariants.cancellation import CANCELLATIONS
from storage.invariants.decision import DECISIONS
from storage.invariants.delivery import DELIVERIES
from storage.invariants.download import DOWNLOADS
from storage.invariants.ledger import LEDGER
from storage.invariants.notice import NOTICES
from storage.invariants.order import ORDERS
from storage.invariants.outside_ticket import OUTSIDE_TICKETS
from storage.invariants.product_key import PRODUCT_KEYS
from storage.invariants.record import RECORDS
from storage.invariants.replacement import REPLACEMENTS
from storage.invariants.revocation import REVOCATIONS
from storage.invariants.session import SESSIONS
from storage.invariants.statement import STATEMENTS
from storage.invariants.tenancy import TENANCY
from storage.invariants.ticket import TICKETS

Progress = Callable[[Invariant], None]

MOST = 1000
"""How many of the rows that break one rule a report carries; they are all counted."""

_COUNTED = "SELECT o.subject, o.detail, count(*) OVER () AS total FROM ({invariant}) o LIMIT :most"
_KEY_MOVES = ["new>available"] + [f"{a}>{b}" for a, ends in KEY_MOVES.items() for b in sorted(ends)]


def _place(invariant: Invariant) -> tuple[str, int]:
    return invariant.code[0], int(invariant.code[1:])


INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted(
        (
            *LEDGER,
            *ORDERS,
            *PRODUCT_KEYS,
            *DOWNLOADS,
            *DELIVERIES,
            *REPLACEMENTS,
            *CANCELLATIONS,
            *REVOCATIONS,
            *OUTSIDE_TICKETS,
            *TENANCY,
            *TICKETS,
            *ATTACHMENTS,
            *RECORDS,
            *NOTICES,
            *STATEMENTS,
            *DECISIONS,
            *SESSIONS,
        ),
        key=_place,
    )
)
"""Every rule that is checked, in the order of its code."""


class Offence(Value):
    """One row that breaks a rule; no secrets and no contact data."""

    subject: str
    detail: str


class Finding(Value):
    """One rule: how many rows break it, and the first of them."""

    code: str
    sentence: str
    count: int
    rows: tuple[Offence, ...]


class Report(Value):
    """All rules on one snapshot."""

    checked_at: AwareDatetime
    findings: tuple[Finding, ...]

    @property
    def breaches(self) -> tuple[Finding, ...]:
        """The rules that do not hold."""
        return tuple(finding for finding in self.findings if finding.count)


def nothing(invariant: Invariant) -> None:
    """No progress is wanted."""
    del invariant


def verify(
    database: Database, now: datetime, progress: Progress = nothing, *, most: int = MOST
) -> Report:
    """Run every invariant on one snapshot; `progress` hears of each one before it is run."""
    with database.reading(whole_book=True) as connection:
        return examine(connection, now, progress, most=most)


def examine(
    connection: Connection, now: datetime, progress: Progress = nothing, *, most: int = MOST
) -> Report:
    """The same on a connection at hand, with what its transaction has not committed yet."""
    findings = []
    for invariant in INVARIANTS:
        progress(invariant)
        findings.append(check(connection, invariant, now, most=most))
    return Report(checked_at=now, findings=tuple(findings))


def check(
    connection: Connection, invariant: Invariant, now: datetime, *, most: int = MOST
) -> Finding:
    """Run one invariant; a book that is wholly broken must not fill the memory, so rows end at `most`."""
    known = {"now": now, "age": invariant.age, "key_moves": _KEY_MOVES, "most": most}
    statement = text(_COUNTED.replace("{invariant}", invariant.sql))
    wanted = {name: known[name] for name in statement.compile().params}
    rows = connection.execute(statement, wanted).all()
    return Finding(
        code=invariant.code,
        sentence=invariant.sentence,
        count=rows[0].total if rows else 0,
        rows=tuple(Offence(subject=row.subject, detail=row.detail) for row in rows),
    )
