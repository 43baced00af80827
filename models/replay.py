"""Replays: what past cases would have brought under other terms, case by case and in money."""

from enum import StrEnum
from typing import NamedTuple

from pydantic import AwareDatetime, Field

from models.base import Value
from models.cancellation import IneligibilityReason, LineFacts
from models.catalogue import Family
from models.decision import Verdict
from models.money import Money


class PastCase(NamedTuple):
    """A case as it was judged: the stored verdict with its facts, and what people then decided."""

    id: str
    order_number: int
    partner_id: str
    family: Family
    sku: str
    received_at: AwareDatetime
    eligible: bool
    reason: IneligibilityReason | None
    deadline: AwareDatetime
    credit: Money
    facts: LineFacts
    verdict: Verdict | None
    granted: Money


class Change(StrEnum):
    """What the candidate changes about a case; `uncovered` where it has no terms for the line."""

    SAME = "same"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    LESS = "less"
    MORE = "more"
    UNCOVERED = "uncovered"


FLIPS = (Change.REFUSED, Change.ACCEPTED, Change.LESS, Change.MORE)
"""The changes that somebody should look at."""


class ReplayedCase(Value):
    """One case that flips: then, and under the candidate."""

    cancellation_id: str
    order_number: int
    partner_id: str
    change: Change
    received_at: AwareDatetime
    verdict: Verdict | None
    policy_id: str = Field(description="The candidate that was asked.")
    reason_then: IneligibilityReason | None
    reason: IneligibilityReason | None
    deadline_then: AwareDatetime
    deadline: AwareDatetime
    credit_then: Money
    credit: Money
    granted_then: Money
    granted: Money

    @property
    def weight(self) -> int:
        """By how much money it differs, in minor units."""
        return max(
            abs(self.granted.amount_minor - self.granted_then.amount_minor),
            abs(self.credit.amount_minor - self.credit_then.amount_minor),
        )


class MoneyChange(Value):
    """One partner in one currency: what was given back then, and what would have been."""

    partner_id: str
    granted_then: Money
    granted: Money

    @property
    def difference(self) -> Money:
        """Above zero where the candidate gives back more."""
        return Money(
            amount_minor=self.granted.amount_minor - self.granted_then.amount_minor,
            currency=self.granted.currency,
        )


class ReplayReport(Value):
    """All cases under the candidate; `to_look_at` holds the heaviest flips by currency, `flips` counts all."""

    cases: int
    changes: dict[Change, int]
    money: tuple[MoneyChange, ...]
    to_look_at: tuple[ReplayedCase, ...]

    @property
    def flips(self) -> int:
        """How many cases end differently."""
        return sum(self.changes[change] for change in FLIPS)
