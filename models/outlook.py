"""Outlooks: what waiting would change about a quote, and what would have made a refused one acceptable."""

from enum import StrEnum

from pydantic import AwareDatetime

from models.base import Value
from models.cancellation import IneligibilityReason
from models.money import Money
from models.policy import RefundType


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
