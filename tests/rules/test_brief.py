"""The four checks of a brief: their outcomes at the edges, and their sentences in both languages."""

from datetime import UTC, datetime, timedelta

import pytest

from models.brief import MoneyFacts, Outcome, TimeFacts, UseFacts
from models.money import Money
from models.pattern import PatternFacts, PatternThresholds, Signal
from rules.brief import check_money, check_pattern, check_time, check_use

CLOSES = datetime(2026, 5, 1, 9, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def eur(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def money(asked: int = 100, granted: int | None = 100, **booked: int) -> MoneyFacts:
    amounts = {"charged": 500, "credited": 0, "line_total": 100, "line_credited": 0} | booked
    return MoneyFacts(
        asked=eur(asked),
        granted=None if granted is None else eur(granted),
        **{name: eur(minor) for name, minor in amounts.items()},
    )


def use(**counted: int | bool) -> UseFacts:
    nothing = dict.fromkeys(UseFacts.model_fields, 0)
    return UseFacts(**nothing | {"refuses_seen_keys": False, "refuses_downloads": False} | counted)


def pattern(**counted: int | bool) -> PatternFacts:
    numbers = dict.fromkeys(
        ("customer_cases", "customer_seen", "partner_cases", "partner_orders"), 0
    )
    since = {"customer_since": CLOSES, "partner_since": CLOSES}
    facts = {"requester_is_approver": False, "thresholds": PatternThresholds()}
    return PatternFacts(**since | facts | numbers | counted)


@pytest.mark.parametrize(
    ("received_at", "outcome"),
    [
        (CLOSES - INSTANT, Outcome.PASSED),
        (CLOSES, Outcome.PASSED),
        (CLOSES + INSTANT, Outcome.FAILED),
    ],
)
def test_the_last_instant_is_in_time(received_at: datetime, outcome: Outcome) -> None:
    facts = TimeFacts(received_at=received_at, window_closes_at=CLOSES)
    assert check_time(facts).outcome is outcome


def test_how_early_or_late_it_was_is_said_in_both_languages() -> None:
    facts = TimeFacts(
        received_at=CLOSES + timedelta(days=1, minutes=3, seconds=1), window_closes_at=CLOSES
    )
    told = check_time(facts).told
    assert told.en == (
        "The request came in at 2026-05-02 09:03:01 UTC, 1 d 0 h 3 min 1 s after the end of its window"
        " at 2026-05-01 09:00:00 UTC."
    )
    assert told.cs == (
        "Žádost přišla 2. 5. 2026 09:03:01 UTC, 1 d 0 h 3 min 1 s po konci své lhůty 1. 5. 2026 09:00:00 UTC."
    )


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (money(), Outcome.PASSED),
        (money(granted=99), Outcome.FAILED),
        (money(granted=None), Outcome.TO_LOOK_AT),
        (money(line_credited=1), Outcome.FAILED),
        (money(asked=99, line_credited=1), Outcome.PASSED),
        (money(credited=401), Outcome.FAILED),
        (money(charged=0), Outcome.FAILED),
    ],
)
def test_money_is_bound_by_credit_line_and_order(facts: MoneyFacts, outcome: Outcome) -> None:
    assert check_money(facts).outcome is outcome


def test_the_bound_is_named() -> None:
    told = check_money(money(line_credited=30)).told
    assert told.en == "1.00 EUR is asked for, above the 0.70 EUR that policy and ledger leave."
    assert told.cs.startswith("Žádá se o 1,00\N{NO-BREAK SPACE}EUR, nad meze do 0,70")


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        (use(), Outcome.PASSED),
        (use(keys_seen=1, downloads=2), Outcome.PASSED),
        (use(keys_seen=1, keys_seen_since=1), Outcome.TO_LOOK_AT),
        (use(downloads=2, downloads_since=1), Outcome.TO_LOOK_AT),
        (use(keys_seen=1, refuses_seen_keys=True), Outcome.FAILED),
        (use(keys_seen=1, refuses_downloads=True), Outcome.PASSED),
        (use(downloads=1, refuses_downloads=True), Outcome.FAILED),
        (use(downloads=1, refuses_seen_keys=True), Outcome.PASSED),
    ],
)
def test_use_is_judged_by_the_policy_then_by_its_time(facts: UseFacts, outcome: Outcome) -> None:
    assert check_use(facts).outcome is outcome


@pytest.mark.parametrize(
    ("facts", "signals"),
    [
        (pattern(customer_cases=2, customer_seen=1, partner_cases=9), ()),
        (pattern(customer_cases=3), (Signal.CUSTOMER_OFTEN,)),
        (pattern(customer_seen=2), (Signal.CUSTOMER_SEEN,)),
        (pattern(partner_cases=10, partner_orders=50), (Signal.PARTNER_OFTEN,)),
        (pattern(partner_cases=10, partner_orders=51), ()),
        (pattern(requester_is_approver=True), (Signal.REQUESTER_DECIDES,)),
    ],
)
def test_each_threshold_speaks_from_its_number_on(
    facts: PatternFacts, signals: tuple[Signal, ...]
) -> None:
    check = check_pattern(facts)
    assert check.facts.signals == signals
    assert check.outcome is (Outcome.TO_LOOK_AT if signals else Outcome.PASSED)


def test_every_signal_has_its_sentence_in_both_languages() -> None:
    facts = pattern(
        customer_cases=3,
        customer_seen=2,
        partner_cases=10,
        partner_orders=20,
        requester_is_approver=True,
    )
    check = check_pattern(facts)
    assert check.facts.signals == tuple(Signal)
    for sentence in (check.told.en, check.told.cs):
        assert all(f" {number}" in sentence for number in (2, 3, 10, 20))
        assert sentence.count(";") == len(Signal) - 1
