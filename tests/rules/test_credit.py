"""The arithmetic of credits: the documented example, and that no proration gives more than was paid or below zero."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import Money
from rules.credit import full, prorated, unused_days

START = datetime(2024, 1, 1, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)

minor_units = st.integers(0, 10**8)
quantities = st.integers(1, 10_000)
cycles = st.integers(1, 1_100)


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def test_full_gives_back_what_the_units_cost() -> None:
    assert full(eur(124_900), 1) == eur(124_900)
    assert full(eur(1008), 4) == eur(4032)


@pytest.mark.parametrize(
    ("unit_minor", "quantity", "cycle_days", "unused", "credit_minor"),
    [
        (1008, 1, 31, 29, 942),  # 9.4297 truncated
        (1008, 10, 31, 29, 9420),  # not 94.30: the unit is truncated before it is multiplied
        (1008, 10, 31, 31, 10080),
        (1008, 10, 31, 0, 0),
        (1, 10_000, 365, 364, 0),
        (0, 5, 365, 100, 0),
        (1008, 10, 31, 32, 10080),  # more unused than the cycle has
        (1008, 10, 31, -1, 0),
        (1008, 10, 0, 29, 0),  # a cycle of no days
        (1008, 10, -3, -3, 0),
        # The largest amounts there are, where a float would round up to the next minor unit.
        (10**15 - 1, 1, 1_100, 1_100, 10**15 - 1),
        (10**15 - 1, 1, 1_100, 207, 188_181_818_181_817),
        (10**11, 10_000, 1_100, 1_100, 10**15),
    ],
)
def test_prorated_truncates_the_unit(
    unit_minor: int, quantity: int, cycle_days: int, unused: int, credit_minor: int
) -> None:
    assert prorated(eur(unit_minor), quantity, cycle_days, unused) == eur(credit_minor)


@given(minor_units, quantities, st.integers(-5, 1_100), st.integers(-10, 1_200))
def test_prorated_stays_between_nothing_and_the_price(
    unit_minor: int, quantity: int, cycle_days: int, unused: int
) -> None:
    credit = prorated(eur(unit_minor), quantity, cycle_days, unused)

    assert 0 <= credit.amount_minor <= unit_minor * quantity
    assert credit.currency == "EUR"


@given(minor_units, quantities, cycles, st.data())
def test_prorated_loses_less_than_a_minor_unit_per_unit(
    unit_minor: int, quantity: int, cycle_days: int, data: st.DataObject
) -> None:
    unused = data.draw(st.integers(0, cycle_days))

    lost = unit_minor * unused * quantity - (
        prorated(eur(unit_minor), quantity, cycle_days, unused).amount_minor * cycle_days
    )

    assert 0 <= lost < cycle_days * quantity


@given(st.lists(st.tuples(minor_units, quantities), min_size=1, max_size=50), cycles, st.data())
def test_credits_of_lines_add_up_to_the_credit_of_the_order(
    lines: list[tuple[int, int]], cycle_days: int, data: st.DataObject
) -> None:
    unused = data.draw(st.integers(0, cycle_days))

    total = eur(0)
    for unit_minor, quantity in lines:
        total = total + prorated(eur(unit_minor), quantity, cycle_days, unused)

    by_unit = sum((unit * unused // cycle_days) * quantity for unit, quantity in lines)
    assert total == eur(by_unit)


@given(minor_units, st.integers(1, 200), cycles, st.data())
def test_units_credited_one_by_one_add_up_to_the_line(
    unit_minor: int, quantity: int, cycle_days: int, data: st.DataObject
) -> None:
    unused = data.draw(st.integers(0, cycle_days))

    one_by_one = sum(
        (prorated(eur(unit_minor), 1, cycle_days, unused) for _ in range(quantity)), start=eur(0)
    )

    assert prorated(eur(unit_minor), quantity, cycle_days, unused) == one_by_one


@given(minor_units, quantities, cycles, st.data())
def test_a_day_more_used_never_raises_the_credit(
    unit_minor: int, quantity: int, cycle_days: int, data: st.DataObject
) -> None:
    unused = data.draw(st.integers(1, cycle_days))

    assert prorated(eur(unit_minor), quantity, cycle_days, unused - 1) <= prorated(
        eur(unit_minor), quantity, cycle_days, unused
    )


def test_a_currency_without_minor_digits_is_truncated_to_the_whole() -> None:
    unit_price = Money(amount_minor=1008, currency="JPY")

    # 1,008 / 31 times 29 = 942.9…, times 10.
    assert str(prorated(unit_price, 10, 31, 29)) == "9,420 JPY"


@given(minor_units, quantities, cycles)
def test_the_whole_cycle_unused_is_the_whole_price(
    unit_minor: int, quantity: int, cycle_days: int
) -> None:
    assert prorated(eur(unit_minor), quantity, cycle_days, cycle_days) == eur(unit_minor) * quantity


@pytest.mark.parametrize(
    ("elapsed", "unused"),
    [
        (timedelta(0), 31),
        (-DAY, 31),  # a clock behind the order's
        (DAY - INSTANT, 31),
        (DAY, 31),  # a day's end belongs to it
        (DAY + INSTANT, 30),
        (2 * DAY, 30),
        (2 * DAY + timedelta(hours=3), 29),  # the third day: two are used
        (31 * DAY, 1),
        (31 * DAY + INSTANT, 0),
        (400 * DAY, 0),
    ],
)
def test_the_day_of_the_cancellation_counts_as_unused(elapsed: timedelta, unused: int) -> None:
    assert unused_days(START, START + elapsed, 31) == unused


@given(
    st.timedeltas(-DAY, 1_200 * DAY),
    st.timedeltas(timedelta(0), 100 * DAY),
    cycles,
)
def test_waiting_never_adds_unused_days(
    elapsed: timedelta, wait: timedelta, cycle_days: int
) -> None:
    sooner = unused_days(START, START + elapsed, cycle_days)
    later = unused_days(START, START + elapsed + wait, cycle_days)

    assert cycle_days >= sooner >= later >= 0
