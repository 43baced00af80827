"""The double-entry ledger's nouns: accounts per partner and currency, entries and their postings."""

from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value
from models.money import Money


class AccountKind(StrEnum):
    """`receivable`: what the partner owes and no statement claims yet. `billed`: what statements claim.

    `sales`: what was sold. `refunds`: what was given back.
    """

    RECEIVABLE = "receivable"
    SALES = "sales"
    REFUNDS = "refunds"
    BILLED = "billed"


class EntryKind(StrEnum):
    """Why money moved."""

    CHARGE = "charge"
    REVERSAL = "reversal"
    CREDIT = "credit"
    SETTLEMENT = "settlement"


class Posting(Value):
    """One side of an entry; positive debits, negative credits the account."""

    account_id: str
    account_kind: AccountKind
    amount: Money
    account_version: int
    balance_after_minor: int


class Entry(Value):
    """One balanced movement; a settlement belongs to a statement, everything else to an order."""

    id: str
    kind: EntryKind
    business_key: str
    partner_id: str
    order_id: str | None
    statement_id: str | None = None
    booked_at: AwareDatetime
    postings: tuple[Posting, ...]
