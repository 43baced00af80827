"""Outlooks: what waiting would change about a quote, and what would have made a refused one acceptable."""

from enum import StrEnum

from pydantic import AwareDatetime, Field

from models.base import Value
from models.cancellation import IneligibilityReason, Quote
from models.money import Money
from models.policy import OfferedReason, RefundType


class Language(StrEnum):
    """The languages in which a verdict is told."""

    ENGLISH = "en"
    CZECH = "cs"


class CreditStep(Value):
    """One refund tier still to come or under way: what cancelling brings at its two ends, both inclusive."""

    refund_type: RefundType
    begins_at: AwareDatetime
    ends_at: AwareDatetime
    credit: Money
    credit_at_end: Money


class Counterfactual(Value):
    """When a refused cancellation would have been accepted, and what else would have to be different for that."""

    accepted_until: AwareDatetime
    credit: Money
    changes: tuple[IneligibilityReason, ...]


class Outlook(Value):
    """The credit now and in each later tier of an eligible quote; the counterfactual of a refused one."""

    steps: tuple[CreditStep, ...] = ()
    counterfactual: Counterfactual | None = None


class QuoteRecord(Quote):
    """A quote with what lies ahead of it: what a caller is told, and what is stored with the case."""

    outlook: Outlook = Outlook()
    reasons: tuple[OfferedReason, ...] = Field(
        default=(), description="The reasons that the form offers."
    )


class ExplainedQuote(QuoteRecord):
    """The record with the sentences that explain it."""

    explanation: str
