"""Several approvers in CancellationWorkflow: the case waits for all of them, and one person never counts twice."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from models.cancellation import Cancellation, CancellationStatus
from models.decision import Verdict
from models.errors import Forbidden, Refused
from models.money import Money
from models.notice import NoticeKind
from storage.engine import Database
from storage.policy import add_policies
from tests.factories import APPROVER, BOTH, OTHER_APPROVER, SEVERAL
from tests.fixtures.counter import Counter
from tests.fixtures.terms import two_people
from tests.fixtures.worker import house

STAGES = [{"name": "desk"}, {"name": "finance", "approvers": 2}]
LIMIT = [{"amount_minor": 1000, "currency": "EUR"}]


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


async def waiting(counter: Counter, amount: int | None = None, **terms: object) -> Cancellation:
    with counter.database.transaction() as connection:
        add_policies(connection, [two_people(**terms)])
    return await counter.waiting(await counter.cancel(await counter.buy(SEVERAL), amount=amount))


async def test_two_people_settle_it_for_the_lower_amount(counter: Counter) -> None:
    case = await waiting(counter)

    await counter.approve(case, amount=500)
    between = await counter.case(case)
    assert (between.status, between.verdict) == (CancellationStatus.PENDING_APPROVAL, None)
    await counter.approve(case, by=OTHER_APPROVER)
    outcome = await counter.outcome(case)

    assert (outcome.status, outcome.credit_minor) == (CancellationStatus.COMPLETED, 500)
    # Both approvers were asked when the ticket opened, and everybody but the first once more.
    assert counter.notices().count(NoticeKind.APPROVAL_NEEDED) == 5
    assert await counter.breaches() == []


async def test_nobody_counts_twice_and_the_requester_never(counter: Counter) -> None:
    case = await waiting(counter)
    await counter.approve(case)

    with pytest.raises(Refused, match="another person") as again:
        await counter.approve(case)
    assert again.value.code == "already_approved"
    own = await counter.waiting(await counter.cancel(await counter.buy(SEVERAL), by=BOTH))
    with pytest.raises(Forbidden) as refused:
        await counter.approve(own, by=BOTH)
    assert refused.value.code == "own_request"
    await counter.decline(case, by=OTHER_APPROVER)
    assert (await counter.outcome(case)).status == CancellationStatus.DECLINED


async def test_stages_follow_one_another(counter: Counter) -> None:
    case = await waiting(counter, approval={"mode": "stages", "stages": STAGES})

    for approver in (APPROVER, OTHER_APPROVER, BOTH):
        await counter.approve(case, by=approver)
    outcome = await counter.outcome(case)

    assert outcome.status == CancellationStatus.COMPLETED
    settled = await counter.case(case)
    assert [one.stage for one in settled.approvals] == ["desk", "finance", "finance"]
    assert await counter.breaches() == []


@pytest.mark.parametrize(("amount", "needed"), [(1000, 0), (1001, 2)])
async def test_the_amount_decides_whether_people_are_asked(
    counter: Counter, amount: int, needed: int
) -> None:
    by_amount = [{"mode": "automatic", "up_to": LIMIT}]
    approval = {"mode": "two_approvers", "by_amount": by_amount}
    case = await waiting(counter, amount, approval=approval)

    assert case.approvals_needed == needed
    for approver in (APPROVER, OTHER_APPROVER)[:needed]:
        await counter.approve(case, by=approver)
    outcome = await counter.outcome(case)

    assert (outcome.status, outcome.credit_minor) == (CancellationStatus.COMPLETED, amount)
    assert (NoticeKind.APPROVAL_NEEDED in counter.notices()) is bool(needed)
    assert await counter.breaches() == []


async def test_three_who_agree_at_once_settle_it_once(counter: Counter) -> None:
    case = await waiting(counter)

    answers = await asyncio.gather(
        *(counter.approve(case, by=person) for person in (APPROVER, OTHER_APPROVER, BOTH)),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, Exception) for answer in answers) == 1
    assert (await counter.outcome(case)).status == CancellationStatus.COMPLETED
    assert len((await counter.case(case)).approvals) == 2
    assert await counter.breaches() == []


async def test_one_of_two_is_not_enough_at_the_final_deadline(counter: Counter) -> None:
    case = await waiting(counter)
    await counter.approve(case)

    await counter.clock.sleep(timedelta(days=31))

    assert (await counter.outcome(case)).status == CancellationStatus.EXPIRED
    assert (await counter.case(case)).verdict is Verdict.EXPIRED
    assert (await counter.case(case)).approvals[0].amount == Money(
        amount_minor=case.requested_amount.amount_minor, currency="EUR"
    )
