"""Patterns: how often a customer or partner buys, looks and cancels, and from when on a person should look."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from models.base import Value

Threshold = Annotated[int, Field(ge=1)]


class PatternThresholds(Value):
    """From which numbers on a history is worth a look; each is compared by itself, nothing is weighed or learnt."""

    within: timedelta = Field(default=timedelta(days=365), gt=timedelta(0))
    customer_cases: Threshold = 3
    customer_seen: Threshold = 2
    partner_cases: Threshold = 10
    partner_percent: Annotated[int, Field(ge=1, le=100)] = 20


class Signal(StrEnum):
    """What a person should look at."""

    CUSTOMER_OFTEN = "customer_cancels_often"
    CUSTOMER_SEEN = "customer_cancels_what_was_seen"
    PARTNER_OFTEN = "partner_cancels_often"
    REQUESTER_DECIDES = "requester_is_an_approver"


class PatternFacts(Value):
    """The history that was counted, this case left out; `signals` are the thresholds that were reached."""

    customer_since: AwareDatetime
    customer_cases: int = Field(description="Earlier requests of the customer.")
    customer_seen: int = Field(
        description="Of these, the credited ones whose key was seen before the request."
    )
    partner_since: AwareDatetime
    partner_cases: int = Field(description="Earlier requests for all the partner's customers.")
    partner_orders: int = Field(description="Orders that the partner placed in that time.")
    requester_is_approver: bool
    thresholds: PatternThresholds
    signals: tuple[Signal, ...] = ()
