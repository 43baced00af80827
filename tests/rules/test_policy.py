"""What a set of policies must keep to: durations, order of tiers, one unbroken series per family."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.load import DEFAULT_POLICIES, OTHER_REGIMES, load_policies
from models.catalogue import Family
from models.policy import CancellationPolicy, RefundType
from rules.policy import is_duration, rewarding_tier, series_flaws, unreachable_tier

BEGINS = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FULL, PARTIAL = RefundType.FULL, RefundType.PARTIAL


def policy(policy_id: str, version: int, after: timedelta = 0 * DAY, **more: Any) -> Any:
    fields: dict[str, Any] = {
        "id": policy_id,
        "family": Family.PERPETUAL,
        "version": version,
        "effective_from": BEGINS + after,
        "refund_tiers": [{"type": "full", "expires_after": DAY}],
    }
    return CancellationPolicy(**fields | more)


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("P30D", True),
        ("P2W", True),
        ("PT24H", True),
        ("P1DT12H30M5S", True),
        ("P", False),
        ("PT", False),
        ("P1DT", False),
        ("P1M", False),
        ("P1Y", False),
        ("-P1D", False),
        ("P1.5D", False),
        ("30 days", False),
        ("1 day, 0:00:00", False),
        ("p30d", False),
        ("P30D\n", False),
        ("", False),
        (30, False),
        (None, False),
    ],
)
def test_a_duration_is_written_in_units_of_fixed_length(text: object, *, sound: bool) -> None:
    assert is_duration(text) is sound


@given(st.lists(st.integers(1, 6).map(lambda days: days * DAY), max_size=5))
def test_the_tier_found_unreachable_is_the_first(ends: list[timedelta]) -> None:
    found = unreachable_tier(ends)

    grows = [before < end for before, end in pairwise(ends)]
    assert found == (grows.index(False) + 1 if False in grows else None)


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ([], None),
        ([FULL], None),
        ([PARTIAL], None),
        ([FULL, PARTIAL], None),
        ([FULL, FULL, PARTIAL, PARTIAL], None),
        ([PARTIAL, FULL], 1),
        ([FULL, PARTIAL, FULL], 2),
    ],
)
def test_waiting_must_not_pay(kinds: list[RefundType], found: int | None) -> None:
    assert rewarding_tier(kinds) == found


def test_the_regimes_shipped_form_one_series() -> None:
    regimes = [load_policies(stem) for stem in (DEFAULT_POLICIES, *OTHER_REGIMES)]

    assert series_flaws([policy for regime in regimes for policy in regime]) == ()
    assert series_flaws(regimes[1], [*regimes[0], *regimes[2]]) == ()


@pytest.mark.parametrize(
    ("listed", "standing", "index", "told"),
    [
        ([policy("a", 1), policy("b", 2)], [], 1, "both begin at"),
        ([policy("b", 2), policy("a", 1)], [], 1, "both begin at"),
        ([policy("b", 2)], [policy("a", 1)], 0, "both begin at"),
        ([policy("a", 2), policy("b", 2, DAY)], [], 1, "above 2, not 2"),
        ([policy("a", 2), policy("b", 1, DAY)], [], 1, "above 2, not 1"),
        ([policy("b", 3)], [policy("a", 3, DAY)], 0, "above 3, not 3"),
        ([policy("c", 3, DAY)], [policy("a", 1), policy("b", 2, 2 * DAY)], 0, "above 3, not 2"),
        ([policy("a", 1), policy("a", 2, DAY)], [], 1, "listed twice"),
    ],
)
def test_a_flaw_is_told_of_the_one_that_came_last(
    listed: list[Any], standing: list[Any], index: int, told: str
) -> None:
    (flaw,) = series_flaws(listed, standing)

    assert flaw.index == index
    assert told in flaw.sentence


def test_families_do_not_stand_in_each_others_way() -> None:
    other = policy("b", 1, family=Family.SUBSCRIPTION)

    assert series_flaws([policy("a", 1), other]) == ()


def test_some_skus_of_a_family_have_a_series_of_their_own() -> None:
    some = [policy("s", 1, skus=("A", "B")), policy("t", 2, DAY, skus=("A", "B"))]

    assert series_flaws([policy("a", 1), policy("b", 2, DAY), *some]) == ()
    assert series_flaws([*some, policy("u", 2, 2 * DAY, skus=("A", "B"))])


@pytest.mark.parametrize("standing", [True, False])
def test_a_sku_has_one_series(*, standing: bool) -> None:
    pair, single = policy("s", 1, skus=("A", "B")), policy("t", 2, DAY, skus=("B",))

    (flaw,) = series_flaws([single], [pair]) if standing else series_flaws([pair, single])

    assert flaw.index == (0 if standing else 1)
    assert "s and t both hold for B" in flaw.sentence


def test_one_instant_is_one_in_every_zone() -> None:
    prague = datetime.fromisoformat("2024-01-01T01:00:00+01:00")

    assert series_flaws([policy("a", 1), policy("b", 2, effective_from=prague)])


def test_what_stands_and_is_listed_again_counts_once() -> None:
    series = [policy("a", 1), policy("b", 2, DAY)]

    assert series_flaws(series, series) == ()


@given(
    st.lists(
        st.tuples(st.sampled_from(Family), st.integers(1, 4), st.integers(0, 3)),
        max_size=5,
    )
)
def test_a_set_is_sound_exactly_if_version_and_instant_grow_together(
    drawn: list[tuple[Family, int, int]],
) -> None:
    policies = [
        policy(f"pol_{place}", version, days * DAY, family=family)
        for place, (family, version, days) in enumerate(drawn)
    ]

    together = all(
        (a.version < b.version) == (a.effective_from < b.effective_from)
        and a.version != b.version
        and a.effective_from != b.effective_from
        for place, a in enumerate(policies)
        for b in policies[place + 1 :]
        if a.family is b.family
    )

    assert (series_flaws(policies) == ()) is together
