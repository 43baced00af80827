"""What lies ahead of a quote: the tiers to come, and the edge of what would have been accepted."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cancellation import IneligibilityReason, LineFacts
from models.catalogue import Family
from models.money import Money
from models.outlook import Counterfactual, Outlook
from models.policy import CancellationPolicy, RefundType
from rules.cancellation import quote
from rules.outlook import outlook
from tests.rules.test_cancellation import DAY, INSTANT, PLACED, YEAR, eur, line, policy

SUBSCRIPTION = policy("policies-2022-07", Family.SUBSCRIPTION)
WRONG_BY_FACT: dict[IneligibilityReason, dict[str, Any]] = {
    IneligibilityReason.ALREADY_CANCELLED: {"cancelled": True},
    IneligibilityReason.CANCELLATION_OPEN: {"cancellation_open": True},
    IneligibilityReason.NOT_FULFILLED: {"fulfilled": False},
    IneligibilityReason.KEY_REVEALED: {"key_revealed": True},
    IneligibilityReason.DOWNLOAD_STARTED: {"download_started": True},
    IneligibilityReason.NOT_DIVISIBLE: {"wanted_quantity": 4},
}
STRICT = policy(refuse_revealed_key=True, refuse_started_download=True)


def ahead(
    facts: LineFacts, terms: CancellationPolicy, elapsed: timedelta, requested: Money | None = None
) -> Outlook:
    return outlook(quote(facts, terms, PLACED + elapsed, requested), terms, requested)


def refused(
    facts: LineFacts, terms: CancellationPolicy, elapsed: timedelta, requested: Money | None = None
) -> Counterfactual:
    found = ahead(facts, terms, elapsed, requested)
    assert found.steps == ()
    assert found.counterfactual is not None
    return found.counterfactual


def steps(elapsed: timedelta) -> list[tuple[RefundType, timedelta, timedelta, int, int]]:
    found = ahead(line(**YEAR), SUBSCRIPTION, elapsed)
    assert found.counterfactual is None
    return [
        (
            step.refund_type,
            step.begins_at - PLACED,
            step.ends_at - PLACED,
            step.credit.amount_minor,
            step.credit_at_end.amount_minor,
        )
        for step in found.steps
    ]


FULL, PARTIAL = RefundType.FULL, RefundType.PARTIAL
LATER = (PARTIAL, DAY + INSTANT, 7 * DAY, 72_800, 71_800)


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [
        (-DAY, [(FULL, -DAY, DAY, 73_000, 73_000), LATER]),
        (0 * DAY, [(FULL, 0 * DAY, DAY, 73_000, 73_000), LATER]),
        (DAY, [(FULL, DAY, DAY, 73_000, 73_000), LATER]),
        (DAY + INSTANT, [LATER]),
        (3 * DAY, [(PARTIAL, 3 * DAY, 7 * DAY, 72_600, 71_800)]),
        (7 * DAY, [(PARTIAL, 7 * DAY, 7 * DAY, 71_800, 71_800)]),
    ],
)
def test_the_tiers_to_come_are_told_with_their_ends(elapsed: timedelta, expected: Any) -> None:
    assert steps(elapsed) == expected


@pytest.mark.parametrize(
    ("terms", "elapsed", "until", "credit_minor"),
    [
        (policy(), 60 * DAY + INSTANT, 60 * DAY, 73_000),
        (policy(), 400 * DAY, 60 * DAY, 73_000),
        (SUBSCRIPTION, 7 * DAY + INSTANT, 7 * DAY, 71_800),
    ],
)
def test_what_comes_late_would_have_been_accepted_at_the_deadline(
    terms: CancellationPolicy, elapsed: timedelta, until: timedelta, credit_minor: int
) -> None:
    assert refused(line(**YEAR), terms, elapsed) == Counterfactual(
        accepted_until=PLACED + until, credit=eur(credit_minor), changes=()
    )


@pytest.mark.parametrize("reason", WRONG_BY_FACT)
@pytest.mark.parametrize("elapsed", [DAY, 61 * DAY])
def test_a_fact_that_refuses_is_named(reason: IneligibilityReason, elapsed: timedelta) -> None:
    facts = line(**WRONG_BY_FACT[reason])

    found = refused(facts, STRICT, elapsed)

    assert found.changes == (reason,)
    assert (found.accepted_until, found.credit) == (PLACED + 60 * DAY, eur(10_080))


def test_all_that_refuses_is_named_not_only_the_first() -> None:
    facts = line(
        **{name: value for wrong in WRONG_BY_FACT.values() for name, value in wrong.items()}
    )

    found = refused(facts, STRICT, DAY, eur(0))

    unnamed = {IneligibilityReason.WINDOW_CLOSED, IneligibilityReason.QUANTITY_TOO_HIGH}
    assert set(found.changes) == set(IneligibilityReason) - unnamed


def test_more_units_than_are_left_are_mended_by_asking_for_those_that_are() -> None:
    facts = line(divisible=True, cancelled_quantity=4, wanted_quantity=7)

    found = refused(facts, policy(partial_quantity=True), DAY)

    assert found.changes == (IneligibilityReason.QUANTITY_TOO_HIGH,)
    assert found.credit == eur(6048)


def test_the_tiers_to_come_speak_of_the_units_asked_for() -> None:
    terms = policy("policies-2022-07", Family.SUBSCRIPTION, partial_quantity=True)

    (now, later) = ahead(line(**YEAR, divisible=True, wanted_quantity=1), terms, DAY).steps

    assert (now.credit, later.credit, later.credit_at_end) == (
        eur(36_500),
        eur(36_400),
        eur(35_900),
    )


def test_a_revealed_key_is_not_named_where_the_policy_does_not_mind() -> None:
    facts = line(key_revealed=True, fulfilled=False)

    assert refused(facts, policy(), DAY).changes == (IneligibilityReason.NOT_FULFILLED,)


def test_an_amount_was_acceptable_while_the_credit_reached_it() -> None:
    facts = line(**YEAR)

    assert refused(facts, SUBSCRIPTION, 5 * DAY, eur(73_000)) == Counterfactual(
        accepted_until=PLACED + DAY, credit=eur(73_000), changes=()
    )
    third_day = refused(facts, SUBSCRIPTION, 5 * DAY, eur(72_600))
    assert third_day.accepted_until == PLACED + 3 * DAY
    never = refused(facts, SUBSCRIPTION, 5 * DAY, eur(73_001))
    assert never.changes == (IneligibilityReason.AMOUNT_TOO_HIGH,)
    assert (never.accepted_until, never.credit) == (PLACED + 7 * DAY, eur(72_200))


def mended(facts: LineFacts, changes: tuple[IneligibilityReason, ...]) -> LineFacts:
    good: dict[str, Any] = {"fulfilled": True, "cancellation_open": False, "key_revealed": False}
    if facts.cancelled:
        good |= {"cancelled": False, "cancelled_quantity": 0}
    if QUANTITY & set(changes):
        good |= {"wanted_quantity": None}
    return facts.model_copy(update=good)


QUANTITY = {IneligibilityReason.NOT_DIVISIBLE, IneligibilityReason.QUANTITY_TOO_HIGH}


@st.composite
def tiers(draw: st.DrawFn) -> list[dict[str, Any]]:
    hours = sorted(draw(st.sets(st.integers(1, 24 * 40), min_size=1, max_size=3)))
    turn = draw(st.integers(0, len(hours)))
    return [
        {"type": FULL if place < turn else PARTIAL, "expires_after": timedelta(hours=hour)}
        for place, hour in enumerate(hours)
    ]


@given(
    tiers(),
    st.timedeltas(timedelta(0), 45 * DAY),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.none() | st.integers(-1, 80_000),
    st.integers(0, 2),
    st.none() | st.integers(1, 3),
)
def test_the_edge_is_the_rules_own_to_the_instant(
    drawn: list[dict[str, Any]],
    elapsed: timedelta,
    flags: list[bool],
    asked: int | None,
    gone: int,
    wanted: int | None,
) -> None:
    terms = policy(refund_tiers=drawn, refuse_revealed_key=flags[0], partial_quantity=flags[1])
    names = ("fulfilled", "cancellation_open", "key_revealed", "divisible")
    units = {"cancelled": gone == 2, "cancelled_quantity": gone, "wanted_quantity": wanted}
    facts = line(**YEAR | units | dict(zip(names, flags[2:], strict=True)))
    requested = None if asked is None else eur(asked)
    found = quote(facts, terms, PLACED + elapsed, requested)

    told = outlook(found, terms, requested)

    assert found.eligible is (told.counterfactual is None) is bool(told.steps)
    if told.counterfactual is None:
        assert told.steps[0].credit == found.credit
        assert told.steps[-1].ends_at == found.deadline
        return
    other = told.counterfactual
    amount = None if IneligibilityReason.AMOUNT_TOO_HIGH in other.changes else requested
    good = mended(facts, other.changes)
    assert quote(good, terms, other.accepted_until, amount).eligible
    assert not quote(good, terms, other.accepted_until + INSTANT, amount).eligible
    # Nothing is named in vain: with any one change left undone, the rule still says no.
    same_wish = good.model_copy(update={"wanted_quantity": facts.wanted_quantity})
    assert quote(same_wish, terms, other.accepted_until, amount).eligible is QUANTITY.isdisjoint(
        other.changes
    )
    for reason, wrong in WRONG_BY_FACT.items():
        if reason in QUANTITY:
            continue
        undone = good.model_copy(update={name: getattr(facts, name) for name in wrong})
        still = quote(undone, terms, other.accepted_until, amount).eligible
        assert still is (reason not in other.changes)
