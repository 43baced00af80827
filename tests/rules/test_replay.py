"""A past case under other terms: what flips, what people decided stays, and which terms would have held."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.catalogue import Family
from models.decision import Verdict
from models.replay import Change, PastCase, ReplayedCase
from rules.cancellation import quote
from rules.replay import candidate_for, replay_case
from tests.rules.test_cancellation import DAY, PLACED, eur, line, policy

SHORT = policy("policies-2021-06")
LONG = policy()


def past(
    elapsed: timedelta, terms: Any = LONG, granted: int | None = None, **case: Any
) -> PastCase:
    """A case judged under some terms; approved for `granted`, or for all there was."""
    judged = quote(line(), terms, PLACED + elapsed)
    verdict = case.pop("verdict", Verdict.APPROVED if judged.eligible else None)
    approved = judged.credit.amount_minor if granted is None else granted
    return PastCase(
        id="can_1",
        order_number=100001,
        partner_id="par_1",
        family=Family.PERPETUAL,
        sku="A:1",
        received_at=judged.received_at,
        eligible=judged.eligible,
        reason=judged.reason,
        deadline=judged.deadline,
        credit=judged.credit,
        facts=judged.facts,
        verdict=verdict,
        granted=eur(approved if verdict is Verdict.APPROVED else 0),
    )


def told(replayed: ReplayedCase) -> tuple[Change, int, int]:
    return replayed.change, replayed.credit.amount_minor, replayed.granted.amount_minor


PRORATED = policy(refund_tiers=[{"type": "partial", "expires_after": "P60D"}])


@pytest.mark.parametrize(
    ("case", "candidate", "expected"),
    [
        (past(30 * DAY), SHORT, (Change.SAME, 10_080, 10_080)),
        (past(31 * DAY), SHORT, (Change.REFUSED, 0, 0)),
        (past(31 * DAY, verdict=Verdict.DECLINED), SHORT, (Change.REFUSED, 0, 0)),
        (past(31 * DAY, SHORT), LONG, (Change.ACCEPTED, 10_080, 0)),
        (past(61 * DAY), SHORT, (Change.SAME, 0, 0)),
        (past(30 * DAY), PRORATED, (Change.LESS, 5_200, 5_200)),
        (past(30 * DAY, granted=1_000), PRORATED, (Change.LESS, 5_200, 1_000)),
        (past(30 * DAY, granted=9_000), PRORATED, (Change.LESS, 5_200, 5_200)),
        (past(30 * DAY, PRORATED), LONG, (Change.MORE, 10_080, 10_080)),
        (past(30 * DAY, PRORATED, granted=1_000), LONG, (Change.MORE, 10_080, 1_000)),
        (past(30 * DAY, verdict=Verdict.WITHDRAWN), PRORATED, (Change.LESS, 5_200, 0)),
    ],
)
def test_a_case_is_decided_again(
    case: PastCase, candidate: Any, expected: tuple[Change, int, int]
) -> None:
    assert told(replay_case(case, candidate)) == expected


def test_the_terms_it_was_decided_under_change_nothing() -> None:
    for days in range(65):
        case = past(days * DAY)
        replayed = replay_case(case, LONG)
        assert (replayed.change, replayed.granted) == (Change.SAME, case.granted)


def test_a_named_sku_goes_before_the_family_and_the_newest_before_older() -> None:
    def terms(policy_id: str, year: int, *skus: str) -> Any:
        return policy(id=policy_id, skus=skus, effective_from=datetime(year, 1, 1, tzinfo=UTC))

    candidates = [terms("old", 2018), terms("new", 2024), terms("named", 2022, "A:1")]

    def chosen(sku: str, year: int | None = None, family: Family = Family.PERPETUAL) -> str | None:
        placed_at = None if year is None else datetime(year, 6, 1, tzinfo=UTC)
        found = candidate_for(candidates, family, sku, placed_at)
        return found.id if found else None

    assert (chosen("A:1"), chosen("B:1")) == ("named", "new")
    assert (chosen("A:1", 2021), chosen("B:1", 2023), chosen("B:1", 2024)) == ("old", "old", "new")
    assert chosen("B:1", 2017) is None
    assert chosen("B:1", family=Family.SUBSCRIPTION) is None
