"""Approval as the policy states it: who must agree to a cancellation of which amount, and how long people have."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, field_validator, model_validator

from models.base import Message, Value
from models.money import Money
from models.text import Line


class ApprovalMode(StrEnum):
    """Who decides a cancellation inside the window: the policy, one approver, two, or people stage by stage."""

    AUTOMATIC = "automatic"
    HUMAN = "human"
    TWO_APPROVERS = "two_approvers"
    STAGES = "stages"


class ApprovalStage(Value):
    """So many approvers who must agree before the next stage is asked; nobody counts twice in a case."""

    name: Line
    approvers: Annotated[int, Field(strict=True, ge=1, le=5)] = 1


Stages = Annotated[tuple[ApprovalStage, ...], Field(max_length=5)]


class ApprovalRule(Value):
    """Who must agree; `stages` are listed for the mode `stages` and for no other."""

    mode: ApprovalMode = ApprovalMode.HUMAN
    stages: Stages = ()

    @model_validator(mode="after")
    def _stages_with_their_mode(self) -> Self:
        if (self.mode is ApprovalMode.STAGES) != bool(self.stages):
            raise ValueError("stages are listed for the mode `stages`, and for no other")
        return self

    @property
    def required_stages(self) -> tuple[ApprovalStage, ...]:
        """The stages in their order; none where the policy itself approves."""
        match self.mode:
            case ApprovalMode.AUTOMATIC:
                return ()
            case ApprovalMode.HUMAN:
                return (ApprovalStage(name="approval"),)
            case ApprovalMode.TWO_APPROVERS:
                return (ApprovalStage(name="approval", approvers=2),)
            case ApprovalMode.STAGES:
                return self.stages

    @property
    def approvals_needed(self) -> int:
        """How many people must agree."""
        return sum(stage.approvers for stage in self.required_stages)

    def stage_of(self, number: int) -> str:
        """The name of the stage that the n-th approval belongs to, counted from 1; the last one takes any more."""
        asked = [stage.name for stage in self.required_stages for _ in range(stage.approvers)]
        return asked[min(number, len(asked)) - 1]


class AmountRule(ApprovalRule):
    """Who must agree to amounts up to a limit, inclusive; a currency without a limit is not covered."""

    up_to: tuple[Money, ...] = Field(min_length=1)

    @field_validator("up_to")
    @classmethod
    def _one_limit_per_currency(cls, limits: tuple[Money, ...]) -> tuple[Money, ...]:
        currencies = [limit.currency for limit in limits]
        if len(currencies) != len(set(currencies)):
            raise ValueError("a currency has one limit in a rule")
        if any(limit.amount_minor < 1 for limit in limits):
            raise ValueError("a limit is above zero")
        return limits

    def covers(self, amount: Money) -> bool:
        """Whether the amount is within the limit of its currency."""
        return any(
            limit.currency == amount.currency and amount.amount_minor <= limit.amount_minor
            for limit in self.up_to
        )


class ApprovalPlan(ApprovalRule):
    """The rule for every amount that no smaller limit covers, and the clocks: all measured from the open ticket."""

    by_amount: tuple[AmountRule, ...] = ()
    remind_after: tuple[timedelta, ...] = (timedelta(days=1), timedelta(days=3))
    escalate_after: timedelta = timedelta(days=5)
    expire_after: timedelta = timedelta(days=30)
    undo_for: timedelta = Field(
        default=timedelta(0),
        ge=timedelta(0),
        le=timedelta(days=1),
        description="How long after a person's approval it can be taken back; nothing is done until then.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        steps = [*self.remind_after, self.escalate_after, self.expire_after]
        if steps != sorted(steps):
            raise ValueError("reminders, escalation and expiry must follow one another")
        return self

    @model_validator(mode="after")
    def _more_money_never_needs_fewer_people(self) -> Self:
        needed = [*(rule.approvals_needed for rule in self.by_amount), self.approvals_needed]
        if needed != sorted(needed):
            raise ValueError("a higher amount must not need fewer approvals than a lower one")
        return self

    @field_validator("by_amount")
    @classmethod
    def _limits_rise(cls, rules: tuple[AmountRule, ...]) -> tuple[AmountRule, ...]:
        if any(low >= high for low, high in _neighbouring_limits(rules)):
            raise ValueError("the limits of a currency must rise from rule to rule")
        return rules

    def rule_for(self, amount: Money) -> ApprovalRule:
        """The first rule whose limit covers the amount, else the plan's own."""
        return next((rule for rule in self.by_amount if rule.covers(amount)), self)


def _neighbouring_limits(rules: Sequence[AmountRule]) -> Iterator[tuple[int, int]]:
    """Each currency's limits, two and two, in the order of the rules."""
    limits = [limit for rule in rules for limit in rule.up_to]
    for currency in {limit.currency for limit in limits}:
        yield from pairwise(m.amount_minor for m in limits if m.currency == currency)


class Approval(Value):
    """One of several approvals that a case needs: by whom, for how much; the case is settled by the last."""

    id: str
    cancellation_id: str
    number: int
    stage: str
    approved_by: str
    on_behalf_of: str | None = None
    amount: Money
    approved_at: AwareDatetime


class ApprovalRecord(Message):
    """What `record_approval` answers: noted, and how many are missing; or refused with the code of the rule."""

    recorded: bool
    missing: int = 0
    refusal_code: str | None = None
    refusal: str | None = None
