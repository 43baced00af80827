"""The cancellation policy as data: effective-dated, versioned per product family, frozen on the line at purchase."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from models.base import Value
from models.catalogue import Family


class RefundType(StrEnum):
    """How much of the charge a tier gives back."""

    FULL = "full"
    PARTIAL = "partial"


class RefundTier(Value):
    """One step of the window: until `expires_after` (ISO 8601 duration from the order's instant), inclusive."""

    type: RefundType
    expires_after: timedelta = Field(gt=timedelta(0))


class ApprovalMode(StrEnum):
    """Who decides a cancellation inside the window."""

    HUMAN = "human"
    AUTOMATIC = "automatic"


class ApprovalPlan(Value):
    """When people are reminded, when the case moves up, and when it ends undecided; measured from the open ticket."""

    mode: ApprovalMode = ApprovalMode.HUMAN
    remind_after: tuple[timedelta, ...] = (timedelta(days=1), timedelta(days=3))
    escalate_after: timedelta = timedelta(days=5)
    expire_after: timedelta = timedelta(days=30)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        steps = [*self.remind_after, self.escalate_after, self.expire_after]
        if steps != sorted(steps):
            raise ValueError("reminders, escalation and expiry must follow one another")
        return self


class CancellationPolicy(Value):
    """One version of the terms for one product family; what an order line freezes."""

    id: str
    family: Family
    version: int = Field(ge=1)
    effective_from: AwareDatetime
    refund_tiers: tuple[RefundTier, ...] = Field(min_length=1)
    refuse_revealed_key: bool = False
    approval: ApprovalPlan = ApprovalPlan()
    remind_before_close: timedelta = timedelta(days=7)

    @model_validator(mode="after")
    def _tiers_grow(self) -> Self:
        ends = [tier.expires_after for tier in self.refund_tiers]
        if ends != sorted(set(ends)):
            raise ValueError("each refund tier must end after the one before it")
        return self

    def window_closes_at(self, placed_at: datetime) -> datetime:
        """The last instant, in UTC, at which a cancellation earns anything; end inclusive (design.md §3)."""
        # In a zone with summer time the same sum would count wall-clock days, not days of 24 hours.
        return placed_at.astimezone(UTC) + self.refund_tiers[-1].expires_after
