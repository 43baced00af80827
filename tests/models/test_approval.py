"""Approval as data: who must agree to which amount, and no plan in which more money needs fewer people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.approval import AmountRule, ApprovalMode, ApprovalPlan, ApprovalStage
from models.money import Money

AUTOMATIC, HUMAN, TWO, STAGES = ApprovalMode
STAGED = (ApprovalStage(name="desk"), ApprovalStage(name="finance", approvers=2))


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def up_to(minor: int, mode: ApprovalMode) -> AmountRule:
    return AmountRule(up_to=(eur(minor),), mode=mode)


@pytest.mark.parametrize(
    ("plan", "needed"),
    [
        (ApprovalPlan(mode=AUTOMATIC), 0),
        (ApprovalPlan(), 1),
        (ApprovalPlan(mode=TWO), 2),
        (ApprovalPlan(mode=STAGES, stages=STAGED), 3),
    ],
)
def test_a_mode_says_how_many_must_agree(plan: ApprovalPlan, needed: int) -> None:
    assert plan.rule_for(eur(1)).approvals_needed == needed


def test_a_limit_holds_for_its_own_amount_and_its_own_currency() -> None:
    plan = ApprovalPlan(mode=TWO, by_amount=(up_to(100, AUTOMATIC), up_to(200, HUMAN)))

    needed = [plan.rule_for(eur(minor)).approvals_needed for minor in (1, 100, 101, 200, 201)]
    assert needed == [0, 0, 1, 1, 2]
    assert plan.rule_for(Money(amount_minor=1, currency="USD")).approvals_needed == 2


@pytest.mark.parametrize(
    ("rules", "mode", "told"),
    [
        ((up_to(100, TWO),), HUMAN, "fewer approvals"),
        ((up_to(100, HUMAN), up_to(200, AUTOMATIC)), HUMAN, "fewer approvals"),
        ((up_to(100, AUTOMATIC), up_to(100, HUMAN)), HUMAN, "must rise"),
        ((up_to(200, AUTOMATIC), up_to(100, HUMAN)), HUMAN, "must rise"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(
    rules: tuple[AmountRule, ...], mode: ApprovalMode, told: str
) -> None:
    with pytest.raises(ValidationError, match=told):
        ApprovalPlan(mode=mode, by_amount=rules)


@given(
    st.lists(st.tuples(st.integers(1, 50), st.sampled_from([AUTOMATIC, HUMAN, TWO])), max_size=4)
)
def test_a_higher_amount_never_needs_fewer_people(drawn: list[tuple[int, ApprovalMode]]) -> None:
    try:
        plan = ApprovalPlan(mode=TWO, by_amount=tuple(up_to(minor, mode) for minor, mode in drawn))
    except ValidationError:
        return
    needed = [plan.rule_for(eur(minor)).approvals_needed for minor in range(1, 60)]

    assert needed == sorted(needed)
