"""Which units go and what they bring: unseen keys first, and together no more and no less than the whole line."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cancellation import IneligibilityReason
from models.catalogue import Family
from rules.cancellation import quote
from rules.unit import choose_units, units_left
from tests.rules.test_cancellation import DAY, PLACED, eur, line, policy

units = st.sets(st.integers(1, 30))


def test_the_highest_units_go_first() -> None:
    assert choose_units(range(1, 11), (), 4) == (7, 8, 9, 10)


def test_units_whose_key_was_seen_go_last() -> None:
    assert choose_units(range(1, 6), {4, 5}, 2) == (2, 3)
    assert choose_units(range(1, 6), {4, 5}, 4) == (1, 2, 3, 5)


def test_what_is_gone_is_not_left() -> None:
    assert units_left(5, {2, 5}) == (1, 3, 4)
    assert units_left(2, {1, 2}) == ()


@given(units, units, st.integers(0, 40))
def test_so_many_are_chosen_and_none_that_is_not_left(
    gone: set[int], seen: set[int], count: int
) -> None:
    left = units_left(30, gone)

    chosen = choose_units(left, seen, count)

    assert len(chosen) == len(set(chosen)) == min(count, len(left))
    assert set(chosen) <= set(left)
    assert list(chosen) == sorted(chosen)
    # Nobody's key is taken while one that nobody saw stays.
    if set(chosen) & seen:
        assert set(left) - seen <= set(chosen)


UNITS: dict[str, Any] = {"divisible": True, "term_days": 31}


@pytest.mark.parametrize(
    ("divisible", "allowed", "wanted", "cancelled", "reason"),
    [
        (True, True, 4, 0, None),
        (True, True, 10, 0, None),
        (True, True, 6, 4, None),
        (True, True, 11, 0, IneligibilityReason.QUANTITY_TOO_HIGH),
        (True, True, 7, 4, IneligibilityReason.QUANTITY_TOO_HIGH),
        (True, False, 4, 0, IneligibilityReason.NOT_DIVISIBLE),
        (False, True, 4, 0, IneligibilityReason.NOT_DIVISIBLE),
        (False, False, 10, 0, None),
        (False, False, None, 0, None),
        (False, False, 11, 0, IneligibilityReason.QUANTITY_TOO_HIGH),
    ],
)
def test_some_units_go_where_policy_and_keys_allow_it(
    *,
    divisible: bool,
    allowed: bool,
    wanted: int | None,
    cancelled: int,
    reason: IneligibilityReason | None,
) -> None:
    facts = line(divisible=divisible, wanted_quantity=wanted, cancelled_quantity=cancelled)

    answer = quote(facts, policy(partial_quantity=allowed), PLACED)

    assert answer.reason == reason
    assert answer.credit == (eur(0) if reason else eur(1008 * (wanted or 10)))


def test_the_amount_is_held_against_the_credit_of_the_units_asked_for() -> None:
    terms = policy(partial_quantity=True)
    four = line(**UNITS, wanted_quantity=4)

    assert quote(four, terms, PLACED, eur(4032)).eligible
    refused = quote(four, terms, PLACED, eur(4033))
    assert (refused.reason, refused.credit) == (IneligibilityReason.AMOUNT_TOO_HIGH, eur(4032))


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=6),
    st.integers(1, 10**7),
    st.timedeltas(timedelta(0), 30 * DAY),
    st.sampled_from(["policies", "policies-2021-06"]),
)
def test_the_parts_of_a_line_bring_what_the_whole_brings(
    parts: list[int], unit_minor: int, elapsed: timedelta, stem: str
) -> None:
    terms = policy(stem, Family.SUBSCRIPTION, partial_quantity=True)
    whole = line(
        **UNITS, quantity=sum(parts), unit_price=eur(unit_minor), total=eur(unit_minor * sum(parts))
    )

    given_back, gone = 0, 0
    for wanted in parts:
        part = whole.model_copy(update={"wanted_quantity": wanted, "cancelled_quantity": gone})
        answer = quote(part, terms, PLACED + elapsed)
        assert answer.eligible
        assert answer.credit.amount_minor <= unit_minor * wanted
        given_back, gone = given_back + answer.credit.amount_minor, gone + wanted

    assert eur(given_back) == quote(whole, terms, PLACED + elapsed).credit
