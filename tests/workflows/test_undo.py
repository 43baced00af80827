"""The undo window on a server that skips time: what was approved waits, can be taken back once, and then goes on."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from models.cancellation import Cancellation, CancellationStage, CancellationStatus
from models.decision import Verdict
from models.errors import Forbidden, KeydeskError, Refused
from models.notice import NoticeKind
from models.order import Order
from storage.engine import Database
from storage.policy import add_policies
from tests.factories import APPROVER, BOTH, OTHER_APPROVER, SEVERAL, UNDOABLE
from tests.fixtures.counter import Counter
from tests.fixtures.terms import two_people, undoable
from tests.fixtures.worker import house

WINDOW = timedelta(minutes=5)
MOMENT = timedelta(seconds=10)


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    several = two_people(approval={"mode": "two_approvers", "undo_for": "PT5M"})
    with database.transaction() as connection:
        add_policies(connection, [undoable(), several])
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


async def waiting(counter: Counter, sku: str = UNDOABLE) -> tuple[Order, Cancellation]:
    order = await counter.buy(sku)
    return order, await counter.waiting(await counter.cancel(order))


async def stage(counter: Counter, case: Cancellation) -> CancellationStage:
    state = await counter.process(case).query("status")
    return CancellationStage(state["stage"])


async def test_nothing_is_done_until_the_time_is_over(counter: Counter) -> None:
    order, case = await waiting(counter)

    await counter.approve(case)
    approved = await counter.case(case)
    await counter.clock.sleep(WINDOW - MOMENT)

    assert await stage(counter, case) is CancellationStage.UNDOABLE
    assert approved.status is CancellationStatus.APPROVED
    assert approved.undo_until is not None
    assert counter.key_states(order) == {"allocated"}
    assert (await counter.outcome(case)).status is CancellationStatus.COMPLETED
    assert (await counter.case(case)).undo_until is None
    assert await counter.breaches() == []


async def test_what_was_taken_back_waits_again_for_a_new_verdict(counter: Counter) -> None:
    order, case = await waiting(counter)
    await counter.approve(case)

    await counter.undo(case)

    again = await counter.case(case)
    assert (again.status, again.verdict) == (CancellationStatus.PENDING_APPROVAL, None)
    assert await stage(counter, case) is CancellationStage.WAITING_FOR_APPROVAL
    # Bob, Carol and Dana are told, not the requester.
    assert counter.notices().count(NoticeKind.APPROVAL_UNDONE) == 3
    await counter.decline(case, by=OTHER_APPROVER)
    assert (await counter.outcome(case)).status is CancellationStatus.DECLINED
    assert counter.key_states(order) == {"allocated"}
    assert await counter.breaches() == []


async def test_only_who_approved_takes_it_back(counter: Counter) -> None:
    _, case = await waiting(counter)
    await counter.approve(case)

    with pytest.raises(Forbidden) as stranger:
        await counter.undo(case, by=OTHER_APPROVER)

    assert stranger.value.code == "not_your_approval"
    assert await stage(counter, case) is CancellationStage.UNDOABLE


async def test_any_of_several_takes_it_back_and_all_are_asked_again(counter: Counter) -> None:
    _, case = await waiting(counter, SEVERAL)
    for person in (APPROVER, OTHER_APPROVER):
        await counter.approve(case, by=person)

    await counter.undo(case, by=APPROVER)
    assert (await counter.case(case)).approvals == ()
    await counter.approve(case, by=APPROVER)
    between = await counter.case(case)
    await counter.approve(case, by=BOTH)
    outcome = await counter.outcome(case)

    assert [one.number for one in between.approvals] == [1]
    assert outcome.status is CancellationStatus.COMPLETED
    assert await counter.breaches() == []


async def test_the_clocks_go_on_as_before(counter: Counter) -> None:
    """Reminders after one day and three, escalation after five, the end after thirty."""
    _, case = await waiting(counter)
    await counter.clock.sleep(timedelta(days=1, minutes=1))
    await counter.approve(case)
    await counter.undo(case)

    assert counter.notices().count(NoticeKind.APPROVAL_REMINDER) == 3
    await counter.clock.sleep(timedelta(days=1))
    assert counter.notices().count(NoticeKind.APPROVAL_REMINDER) == 3
    await counter.clock.sleep(timedelta(days=1))
    assert counter.notices().count(NoticeKind.APPROVAL_REMINDER) == 6

    assert (await counter.outcome(case)).status is CancellationStatus.EXPIRED
    assert (await counter.case(case)).verdict is Verdict.EXPIRED
    assert await counter.breaches() == []


async def test_the_final_deadline_does_not_beat_an_approval_that_can_be_undone(
    counter: Counter,
) -> None:
    _, case = await waiting(counter)
    await counter.clock.sleep(timedelta(days=30) - timedelta(minutes=2))
    await counter.approve(case)

    assert (await counter.outcome(case)).status is CancellationStatus.COMPLETED


async def test_what_is_taken_back_after_the_final_deadline_expires(counter: Counter) -> None:
    _, case = await waiting(counter)
    await counter.clock.sleep(timedelta(days=30) - timedelta(minutes=2))
    await counter.approve(case)
    await counter.clock.sleep(timedelta(minutes=3))

    await counter.undo(case)

    assert (await counter.outcome(case)).status is CancellationStatus.EXPIRED
    assert await counter.breaches() == []


async def test_too_late_is_too_late(counter: Counter) -> None:
    _, case = await waiting(counter)
    await counter.approve(case)
    await counter.outcome(case)

    with pytest.raises(Refused) as late:
        await counter.undo(case)

    assert late.value.code == "case_closed"


async def test_undo_and_the_end_of_the_time_settle_it_once(counter: Counter) -> None:
    """Whichever comes first counts, whole; the loser is told."""
    _, case = await waiting(counter)
    await counter.approve(case)
    await counter.clock.sleep(WINDOW - timedelta(milliseconds=100))

    undone, _ = await asyncio.gather(
        counter.undo(case), counter.clock.sleep(MOMENT), return_exceptions=True
    )

    if isinstance(undone, BaseException):
        assert isinstance(undone, KeydeskError)
        assert (await counter.outcome(case)).status is CancellationStatus.COMPLETED
    else:
        await counter.decline(case)
        assert (await counter.outcome(case)).status is CancellationStatus.DECLINED
    assert await counter.breaches() == []


async def test_of_two_undos_at_once_one_counts(counter: Counter) -> None:
    _, case = await waiting(counter)
    await counter.approve(case)

    answers = await asyncio.gather(
        counter.undo(case), counter.undo(case), counter.undo(case), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert {getattr(answer, "code", answer) for answer in refused} == {"undo_closed"}
    assert len(refused) == 2
    assert await counter.breaches() == []
