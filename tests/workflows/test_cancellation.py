"""CancellationWorkflow on a server that skips time, over the real book: window, decisions, clocks, endings."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio.testing import WorkflowEnvironment

from models.cancellation import (
    CancellationStatus,
)
from models.decision import Verdict
from models.errors import Conflict, Forbidden, KeydeskError, Refused
from models.ids import Prefix
from models.notice import NoticeKind
from models.product_key import KeyState
from models.tables.column import table
from models.tables.ticket import TicketRow
from storage.engine import Database
from tests.factories import APPROVER, BOTH, BUYER, OPERATOR, PER_UNIT
from tests.fixtures.counter import Counter
from tests.fixtures.worker import house, receipt

WINDOW = timedelta(days=60)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


async def test_an_approved_case_ends_credited_revoked_and_closed(counter: Counter) -> None:
    order = await counter.buy(PER_UNIT, 3)
    case = await counter.waiting(await counter.cancel(order))
    assert case.status == CancellationStatus.PENDING_APPROVAL
    assert counter.key_states(order) == {KeyState.ALLOCATED}

    await counter.approve(case)
    outcome = await counter.outcome(case)

    assert outcome.status == CancellationStatus.COMPLETED
    assert outcome.credit_minor == order.total.amount_minor
    assert counter.key_states(order) == {KeyState.REVOKED}
    assert NoticeKind.CANCELLATION_COMPLETED in counter.notices()
    assert await counter.breaches() == []


@pytest.mark.parametrize("late", [-SECOND, timedelta(0)], ids=["last second", "exact end"])
async def test_the_window_holds_to_its_last_instant(counter: Counter, late: timedelta) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order, at=order.placed_at + WINDOW + late))
    assert case.status == CancellationStatus.PENDING_APPROVAL


async def test_one_second_late_is_late(counter: Counter) -> None:
    order = await counter.buy()
    with pytest.raises(Refused) as refused:
        await counter.cancel(order, at=order.placed_at + WINDOW + SECOND)
    assert refused.value.code == "cancellation_window_closed"
    assert refused.value.facts["deadline"] == (order.placed_at + WINDOW).isoformat()


async def test_a_request_in_time_is_not_made_late_by_our_slowness(counter: Counter) -> None:
    order = await counter.buy()
    in_time = order.placed_at + WINDOW - SECOND
    await counter.clock.sleep(WINDOW + timedelta(days=3))
    case = await counter.waiting(await counter.cancel(order, at=in_time))
    await counter.approve(case)
    assert (await counter.outcome(case)).status == CancellationStatus.COMPLETED


async def test_reminders_escalation_and_final_deadline_come_in_their_time(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    await counter.clock.sleep(timedelta(days=1, minutes=1))
    assert counter.notices().count(NoticeKind.APPROVAL_REMINDER) == 3, "one for each approver"
    await counter.clock.sleep(timedelta(days=2))
    assert counter.notices().count(NoticeKind.APPROVAL_REMINDER) == 6
    assert NoticeKind.APPROVAL_ESCALATED not in counter.notices()
    await counter.clock.sleep(timedelta(days=2))
    assert NoticeKind.APPROVAL_ESCALATED in counter.notices()
    await counter.clock.sleep(timedelta(days=25, minutes=1))
    outcome = await counter.outcome(case)
    assert outcome.status == CancellationStatus.EXPIRED
    assert counter.key_states(order) == {KeyState.ALLOCATED}
    assert NoticeKind.CANCELLATION_EXPIRED in counter.notices()


async def test_a_decision_stops_every_clock(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    await counter.decline(case)
    assert (await counter.outcome(case)).status == CancellationStatus.DECLINED
    await counter.clock.sleep(timedelta(days=40))
    assert NoticeKind.APPROVAL_REMINDER not in counter.notices()


async def test_after_a_refusal_the_line_may_be_asked_for_again(counter: Counter) -> None:
    order = await counter.buy()
    first = await counter.waiting(await counter.cancel(order))
    await counter.decline(first)
    await counter.outcome(first)
    second = await counter.waiting(await counter.cancel(order))
    assert second.workflow_id == f"{first.workflow_id}:2"
    await counter.approve(second)
    assert (await counter.outcome(second)).status == CancellationStatus.COMPLETED
    with pytest.raises(Refused) as refused:
        await counter.cancel(order)
    assert refused.value.code == "already_cancelled"


async def test_a_second_request_while_one_is_open_is_refused(counter: Counter) -> None:
    order = await counter.buy()
    await counter.waiting(await counter.cancel(order))
    with pytest.raises(Refused) as refused:
        await counter.cancel(order)
    assert refused.value.code == "cancellation_already_open"


async def test_nobody_decides_their_own_request(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order, by=BOTH))
    with pytest.raises(Forbidden) as refused:
        await counter.approve(case, by=BOTH)
    assert refused.value.code == "own_request"
    await counter.approve(case)
    assert (await counter.outcome(case)).status == CancellationStatus.COMPLETED


async def test_less_may_be_approved_but_never_more(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    with pytest.raises(KeydeskError) as refused:
        await counter.approve(case, amount=order.total.amount_minor + 1)
    assert refused.value.code == "amount_exceeds_credit"
    await counter.approve(case, amount=1)
    assert (await counter.outcome(case)).credit_minor == 1


async def test_a_withdrawn_case_takes_no_decision(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    await counter.withdraw(case)
    assert (await counter.outcome(case)).status == CancellationStatus.WITHDRAWN
    with pytest.raises(KeydeskError) as refused:
        await counter.approve(case)
    assert refused.value.code == "case_closed"
    assert counter.key_states(order) == {KeyState.ALLOCATED}


async def test_a_question_waits_for_its_answer_and_keeps_the_clock(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    desk, house_ = counter.house.desk, counter.house
    assert case.ticket_id is not None
    await desk.ask(case.ticket_id, "Which invoice?", receipt(Prefix.NOTE), house_.person(APPROVER))
    state = await counter.process(case).query("status")
    assert state["stage"] == "waiting for requester"
    await desk.answer(case.ticket_id, "The March one.", receipt(Prefix.NOTE), house_.person(BUYER))
    with pytest.raises(Refused) as refused:
        await desk.answer(case.ticket_id, "Again.", receipt(Prefix.NOTE), house_.person(BUYER))
    assert refused.value.code == "no_question_open"
    await counter.approve(case)
    assert (await counter.outcome(case)).status == CancellationStatus.COMPLETED


async def test_of_racing_verdicts_exactly_one_stands(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    tries = [
        counter.approve(case),
        counter.decline(case, by="usr_carol_approver"),
        counter.withdraw(case),
        counter.approve(case, by=BOTH),
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    losers = [result for result in results if result is not None]
    assert len(losers) == 3, results
    assert all(isinstance(loser, (Conflict, Refused)) for loser in losers), losers
    await counter.outcome(case)


async def test_a_verdict_at_the_deadline_meets_the_timer_once(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    await counter.clock.sleep(timedelta(days=30) - SECOND)
    results = await asyncio.gather(
        counter.approve(case), counter.clock.sleep(2 * SECOND), return_exceptions=True
    )
    outcome = await counter.outcome(case)
    won = results[0] is None
    expected = CancellationStatus.COMPLETED if won else CancellationStatus.EXPIRED
    assert outcome.status == expected, results
    tickets = table(TicketRow)
    with counter.house.database.reading() as connection:
        closed = connection.execute(
            select(tickets.c.closed_at).where(tickets.c.cancellation_id == case.id)
        ).scalar_one()
    assert closed is not None


async def test_an_operator_has_nothing_to_repair_in_a_healthy_case(counter: Counter) -> None:
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    operator = counter.house.person(OPERATOR)
    for verb in (counter.house.desk.retry_cancellation, counter.house.desk.compensate_cancellation):
        with pytest.raises(Refused) as refused:
            await verb(case.id, receipt(Prefix.ACT), operator)
        assert refused.value.code in {"nothing_to_retry", "not_compensable"}
    assert case.verdict is not Verdict.APPROVED
