"""The window to the microsecond, the tiers, the order of refusals, and every credit they bring."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.load import load_policies
from models.cancellation import IneligibilityReason, LineFacts
from models.catalogue import Family
from models.money import Money
from models.policy import CancellationPolicy, RefundType
from rules.cancellation import deadline, quote

PLACED = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
INSTANT = timedelta(microseconds=1)
PRAGUE = ZoneInfo("Europe/Prague")


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def policy(
    stem: str = "policies", family: Family = Family.PERPETUAL, **changes: Any
) -> CancellationPolicy:
    shipped = next(found for found in load_policies(stem) if found.family is family)
    return CancellationPolicy.model_validate(shipped.model_dump() | changes)


def line(placed_at: datetime = PLACED, **changes: Any) -> LineFacts:
    facts: dict[str, Any] = {
        "line_id": "lin_1",
        "placed_at": placed_at,
        "window_closes_at": deadline(placed_at, policy()),
        "quantity": 10,
        "unit_price": eur(1008),
        "total": eur(10080),
        "term_days": None,
        "fulfilled": True,
        "cancelled": False,
        "cancellation_open": False,
        "key_revealed": False,
    }
    return LineFacts(**facts | changes)


@pytest.mark.parametrize(
    ("elapsed", "credit_minor", "reason"),
    [
        (timedelta(0), 10080, None),
        (-SECOND, 10080, None),
        (59 * DAY + timedelta(hours=23, minutes=59, seconds=59), 10080, None),
        (60 * DAY - SECOND, 10080, None),
        (60 * DAY, 10080, None),
        (60 * DAY + INSTANT, 0, IneligibilityReason.WINDOW_CLOSED),
        (60 * DAY + SECOND, 0, IneligibilityReason.WINDOW_CLOSED),
    ],
)
def test_quote_is_eligible_up_to_the_last_instant(
    elapsed: timedelta, credit_minor: int, reason: IneligibilityReason | None
) -> None:
    answer = quote(line(), policy(), PLACED + elapsed)

    assert (answer.eligible, answer.reason) == (reason is None, reason)
    assert answer.credit == eur(credit_minor)
    assert answer.deadline == PLACED + 60 * DAY


@pytest.mark.parametrize(
    ("placed", "closes"),
    [
        # Summer time begins on 29 March 2026: the clock on the wall says an hour more.
        (datetime(2026, 3, 1, 12, tzinfo=PRAGUE), datetime(2026, 4, 30, 13, tzinfo=PRAGUE)),
        # It ends on 25 October 2026: an hour less.
        (datetime(2026, 10, 1, 12, tzinfo=PRAGUE), datetime(2026, 11, 30, 11, tzinfo=PRAGUE)),
        # The hour that happens twice: the second 02:30 is an hour after the first.
        (
            datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=PRAGUE),
            datetime(2026, 12, 24, 2, 30, tzinfo=PRAGUE),
        ),
        # A leap day lies within.
        (datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)),
        (datetime(2024, 2, 29, 8, tzinfo=UTC), datetime(2024, 4, 29, 8, tzinfo=UTC)),
    ],
)
def test_sixty_days_are_sixty_times_24_hours(placed: datetime, closes: datetime) -> None:
    last = quote(line(placed), policy(), closes)

    assert last.eligible
    assert last.deadline == deadline(placed, policy()) == closes.astimezone(UTC)
    assert policy().window_closes_at(placed) == closes.astimezone(UTC)
    assert not quote(line(placed), policy(), closes.astimezone(UTC) + SECOND).eligible


@given(
    st.integers(1_514_764_800, 3_786_912_000),
    st.timedeltas(-DAY, 120 * DAY),
    st.sampled_from([UTC, PRAGUE, ZoneInfo("Australia/Lord_Howe")]),
    st.sampled_from([UTC, PRAGUE, ZoneInfo("America/New_York")]),
)
def test_eligibility_depends_on_the_instant_not_on_the_zone(
    placed_s: int, elapsed: timedelta, placed_zone: ZoneInfo, received_zone: ZoneInfo
) -> None:
    placed = datetime.fromtimestamp(placed_s, UTC)  # 2018 to 2090

    answer = quote(
        line(placed.astimezone(placed_zone)),
        policy(),
        (placed + elapsed).astimezone(received_zone),
    )

    assert answer.eligible is (elapsed <= 60 * DAY)
    assert answer.received_at == placed + elapsed
    assert answer.deadline == placed + 60 * DAY


YEAR: dict[str, Any] = {
    "term_days": 365,
    "unit_price": eur(36_500),
    "quantity": 2,
    "total": eur(73_000),
}


@pytest.mark.parametrize(
    ("stem", "family", "elapsed", "refund", "credit_minor"),
    [
        ("policies", Family.SUBSCRIPTION, 60 * DAY, RefundType.FULL, 73_000),
        ("policies-2021-06", Family.PERPETUAL, 30 * DAY, RefundType.FULL, 73_000),
        ("policies-2021-06", Family.PERPETUAL, 30 * DAY + SECOND, None, 0),
        ("policies-2021-06", Family.SUBSCRIPTION, SECOND, RefundType.PARTIAL, 73_000),
        ("policies-2021-06", Family.SUBSCRIPTION, 10 * DAY + SECOND, RefundType.PARTIAL, 71_000),
        ("policies-2021-06", Family.SUBSCRIPTION, 30 * DAY, RefundType.PARTIAL, 67_200),
        ("policies-2021-06", Family.SUBSCRIPTION, 30 * DAY + SECOND, None, 0),
        ("policies-2022-07", Family.PERPETUAL, 30 * DAY, RefundType.FULL, 73_000),
        ("policies-2022-07", Family.SUBSCRIPTION, DAY, RefundType.FULL, 73_000),
        ("policies-2022-07", Family.SUBSCRIPTION, DAY + SECOND, RefundType.PARTIAL, 72_800),
        ("policies-2022-07", Family.SUBSCRIPTION, 7 * DAY, RefundType.PARTIAL, 71_800),
        ("policies-2022-07", Family.SUBSCRIPTION, 7 * DAY + INSTANT, None, 0),
    ],
)
def test_the_tier_of_the_instant_decides_the_credit(
    stem: str, family: Family, elapsed: timedelta, refund: RefundType | None, credit_minor: int
) -> None:
    answer = quote(line(**YEAR), policy(stem, family), PLACED + elapsed)

    assert (answer.refund_type, answer.credit) == (refund, eur(credit_minor))
    assert answer.eligible is (refund is not None)


@pytest.mark.parametrize(
    ("elapsed", "credit_minor"), [(DAY, 10080), (10 * DAY, 7050), (30 * DAY, 330)]
)
def test_a_partial_tier_on_perpetual_software_counts_the_days_of_the_window(
    elapsed: timedelta, credit_minor: int
) -> None:
    # A unit keeps 10.08 / 30 * 21 = 7.056 on the tenth day and 10.08 / 30 = 0.336 on the last.
    thirty_days = policy(refund_tiers=[{"type": "partial", "expires_after": "P30D"}])

    assert quote(line(), thirty_days, PLACED + elapsed).credit == eur(credit_minor)


def test_a_started_day_of_the_window_counts_as_one() -> None:
    # 36 hours are two days, so in the second a unit keeps 10.08 / 2 = 5.04.
    terms = policy(refund_tiers=[{"type": "partial", "expires_after": "PT36H"}])

    assert quote(line(), terms, PLACED + timedelta(hours=36)).credit == eur(5040)


@given(st.timedeltas(timedelta(0), 40 * DAY), st.timedeltas(timedelta(0), 40 * DAY))
def test_waiting_never_raises_the_credit(first: timedelta, second: timedelta) -> None:
    sooner, later = sorted((first, second))
    terms = policy("policies-2022-07", Family.SUBSCRIPTION)

    credits_minor = [
        quote(line(**YEAR), terms, PLACED + elapsed).credit.amount_minor
        for elapsed in (sooner, later)
    ]

    assert 73_000 >= credits_minor[0] >= credits_minor[1] >= 0


@given(
    st.lists(st.timedeltas(SECOND, 500 * DAY), min_size=1, max_size=4, unique=True).map(sorted),
    st.integers(0, 4),
    st.one_of(st.none(), st.integers(1, 1_100)),
    st.integers(1, 10**8),
    st.lists(st.timedeltas(-DAY, 600 * DAY), min_size=2, max_size=2).map(sorted),
)
def test_under_any_terms_the_credit_is_within_the_charge_and_waiting_never_raises_it(
    ends: list[timedelta],
    full_tiers: int,
    term_days: int | None,
    unit_minor: int,
    moments: list[timedelta],
) -> None:
    kinds = [RefundType.FULL if place < full_tiers else RefundType.PARTIAL for place in range(4)]
    tiers = [{"type": kind, "expires_after": end} for kind, end in zip(kinds, ends, strict=False)]
    bought = line(
        term_days=term_days, unit_price=eur(unit_minor), quantity=3, total=eur(unit_minor) * 3
    )

    sooner, later = (
        quote(bought, policy(refund_tiers=tiers), PLACED + elapsed).credit.amount_minor
        for elapsed in moments
    )

    assert unit_minor * 3 >= sooner >= later >= 0


REASONS: list[tuple[IneligibilityReason, dict[str, Any]]] = [
    (IneligibilityReason.ALREADY_CANCELLED, {"cancelled": True}),
    (IneligibilityReason.CANCELLATION_OPEN, {"cancellation_open": True}),
    (IneligibilityReason.WINDOW_CLOSED, {"placed_at": PLACED - 61 * DAY}),
    (IneligibilityReason.NOT_FULFILLED, {"fulfilled": False}),
    (IneligibilityReason.KEY_REVEALED, {"key_revealed": True}),
    (IneligibilityReason.DOWNLOAD_STARTED, {"download_started": True}),
    (IneligibilityReason.NOT_DIVISIBLE, {"wanted_quantity": 4}),
    (IneligibilityReason.QUANTITY_TOO_HIGH, {"wanted_quantity": 11}),
    (IneligibilityReason.AMOUNT_TOO_HIGH, {}),
]


@pytest.mark.parametrize("first", range(len(REASONS)), ids=[reason.name for reason, _ in REASONS])
def test_the_first_reason_in_order_is_given(first: int) -> None:
    strict = policy(refuse_revealed_key=True, refuse_started_download=True)
    # Nobody asks for too few and for too many units at once: the first wish stands.
    wrong = {n: value for _, change in reversed(REASONS[first:]) for n, value in change.items()}

    answer = quote(line(**wrong), strict, PLACED, requested=eur(10081))

    assert not answer.eligible
    assert answer.reason == REASONS[first][0]


def test_the_reasons_tested_are_all_there_are() -> None:
    assert {reason for reason, _ in REASONS} == set(IneligibilityReason)


@pytest.mark.parametrize(
    ("fact", "term", "reason"),
    [
        ("key_revealed", "refuse_revealed_key", IneligibilityReason.KEY_REVEALED),
        ("download_started", "refuse_started_download", IneligibilityReason.DOWNLOAD_STARTED),
    ],
)
def test_use_refuses_only_when_the_policy_says_so(
    fact: str, term: str, reason: IneligibilityReason
) -> None:
    used = line(**{fact: True})

    assert quote(used, policy(), PLACED).eligible
    refused = quote(used, policy(**{term: True}), PLACED)
    assert (refused.reason, refused.credit) == (reason, eur(0))


@pytest.mark.parametrize("requested", [None, eur(10080), eur(10079), eur(1)])
def test_up_to_the_credit_may_be_asked_for(requested: Money | None) -> None:
    answer = quote(line(), policy(), PLACED, requested)

    assert (answer.eligible, answer.reason, answer.credit) == (True, None, eur(10080))


@pytest.mark.parametrize(
    "requested", [eur(10081), eur(0), eur(-1), Money(amount_minor=100, currency="USD")]
)
def test_an_amount_outside_the_credit_is_refused_and_the_credit_shown(requested: Money) -> None:
    answer = quote(line(), policy(), PLACED, requested)

    assert (answer.eligible, answer.reason) == (False, IneligibilityReason.AMOUNT_TOO_HIGH)
    assert (answer.credit, answer.refund_type) == (eur(10080), RefundType.FULL)


def test_the_amount_is_held_against_the_credit_of_the_instant() -> None:
    terms = policy("policies-2022-07", Family.SUBSCRIPTION)

    assert quote(line(**YEAR), terms, PLACED + DAY, eur(73_000)).eligible
    late = quote(line(**YEAR), terms, PLACED + 2 * DAY, eur(73_000))
    assert late.reason == IneligibilityReason.AMOUNT_TOO_HIGH


def test_a_quote_keeps_the_facts_and_the_terms_it_used() -> None:
    answer = quote(line(), policy("policies-2021-06"), PLACED)

    assert answer.facts == line()
    assert (answer.policy_id, answer.policy_version) == ("pol_perpetual_2", 2)


def test_an_instant_without_a_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(AssertionError, match="zone"):
        quote(line(), policy(), datetime(2026, 1, 6))  # noqa: DTZ001
