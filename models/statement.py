"""Monthly statements and credit notes: what the house claims of a partner, and what it takes back of that later."""

from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field

from models.base import Message, Value
from models.ledger import EntryKind
from models.money import Money
from models.policy import OfferedReason


class NumberSeries(StrEnum):
    """The series that papers are numbered in, each from 1 and anew every year."""

    STATEMENT = "statement"
    CREDIT_NOTE = "credit_note"


_MARKS = {NumberSeries.STATEMENT: "ST", NumberSeries.CREDIT_NOTE: "CN"}


def paper_number(series: NumberSeries, year: int, number: int) -> str:
    """The number people quote, e.g. `CN-2026-000001`."""
    return f"{_MARKS[series]}-{year}-{number:06d}"


class Issuer(Value):
    """The house as its papers name it."""

    name: str
    address: str | None = None
    registration: str | None = Field(default=None, description="Company and tax numbers.")


class BilledPartner(Value):
    """The partner as it was called when the paper was issued."""

    id: str
    name: str
    mpn_id: str
    country: str


class StatementLine(Value):
    """One product of one ledger entry. On a statement what is taken back is negative, on a credit note positive."""

    entry_id: str
    kind: EntryKind
    booked_at: AwareDatetime
    late: bool = Field(description="Booked before this period, too late for the statement of it.")
    order_id: str
    order_number: int
    customer_id: str
    customer_name: str
    sku: str
    product: str
    quantity: int
    unit_price: Money
    amount: Money
    credit_id: str | None = None
    credit_number: int | None = None
    ticket_number: int | None = None
    reason: OfferedReason | None = Field(
        default=None, description="Of those the policy offered; free text stays in the case."
    )


class PaperRef(Value):
    """Another paper, as one paper refers to it."""

    id: str
    number: str
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    issued_at: AwareDatetime


class NotedCredit(Value):
    """A credit note as the statement that it was issued with names it."""

    id: str
    number: str
    original_number: str
    total: Money


class Statement(Value):
    """One closed period of one partner and currency, from `opens_at` until before `closes_at`, in UTC.

    `total` is the sum of the lines, `credited` that of the credit notes issued with it, and `due` what is left.
    """

    id: str
    number: str
    issuer: Issuer
    partner: BilledPartner
    currency: str
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    issued_at: AwareDatetime
    lines: tuple[StatementLine, ...]
    total: Money
    credit_notes: tuple[NotedCredit, ...]
    credited: Money
    due: Money


class CreditNote(Value):
    """What was taken back of one earlier statement: the credits and reversals of orders charged on it."""

    id: str
    number: str
    issuer: Issuer
    partner: BilledPartner
    currency: str
    issued_at: AwareDatetime
    original: PaperRef
    statement: PaperRef
    lines: tuple[StatementLine, ...]
    total: Money


class StatementSummary(Value):
    """A statement as lists show it."""

    id: str
    number: str
    partner_id: str
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    issued_at: AwareDatetime
    total: Money
    credited: Money
    due: Money


class CreditNoteSummary(Value):
    """A credit note as lists show it."""

    id: str
    number: str
    partner_id: str
    statement_id: str
    original_statement_id: str
    issued_at: AwareDatetime
    total: Money


class Account(Message):
    """Whose statement: one partner in one currency."""

    partner_id: str
    currency: str


class ClosingStep(Message):
    """Close what is due of one account; `until` is the end of the newest period, `at` the date of issue."""

    account: Account
    until: AwareDatetime
    at: AwareDatetime


class DueAccounts(Message):
    """Some of the accounts that have a period to close, or none when all is closed."""

    accounts: tuple[Account, ...] = ()


class Closed(Message):
    """The statement that one step closed; none when there was nothing (more) to close."""

    statement_id: str | None = None


class ClosingReport(Message):
    """How a run of closings went."""

    statements: int = 0
    renditions: int = 0

    def closed(self, count: int) -> Self:
        """That many statements more."""
        return self.model_copy(update={"statements": self.statements + count})

    def typeset(self, count: int) -> Self:
        """That many papers more, in one language each."""
        return self.model_copy(update={"renditions": self.renditions + count})


class ClosingRun(Message):
    """What starts StatementWorkflow: up to when, if not the end of the month just over, and what is done already."""

    until: AwareDatetime | None = None
    so_far: ClosingReport = ClosingReport()
