"""What operators can do with a cancellation whose step keeps failing: look at it, retry it, or give it up in time."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from temporalio.testing import WorkflowEnvironment

from models.cancellation import Cancellation, CancellationStage, CancellationStatus
from models.errors import Refused
from models.ids import Prefix
from models.notice import NoticeKind
from models.order import Order
from models.product_key import KeyState
from models.software import SoftwareStatus
from models.tables.cancellation import CreditRow
from models.tables.column import table
from models.tables.order import SoftwareItemRow
from models.tables.ticket import TicketRow
from storage.engine import Database
from tests.factories import OPERATOR
from tests.fixtures.counter import Counter, eventually
from tests.fixtures.trouble import Trouble
from tests.fixtures.worker import house, receipt

ATTENTION = timedelta(minutes=5, seconds=30)


@pytest.fixture
async def counter(
    time_skipping: WorkflowEnvironment, database: Database, tmp_path: Path
) -> AsyncIterator[Counter]:
    async with house(time_skipping.client, database, tmp_path) as inside:
        yield Counter(inside, time_skipping)


@pytest.fixture
def trouble(database: Database) -> Trouble:
    database.fault = Trouble()
    return database.fault


async def stuck_at(step: str, counter: Counter, trouble: Trouble) -> tuple[Order, Cancellation]:
    """An approved case that fails at this step and has told so."""
    order = await counter.buy()
    case = await counter.waiting(await counter.cancel(order))
    trouble.steps = {step}
    await counter.approve(case)

    async def failed_twice() -> bool:
        return trouble.failures >= 2

    await eventually(failed_twice)
    assert flag(counter, case) is None
    await counter.clock.sleep(ATTENTION)

    async def flagged() -> str | None:
        return flag(counter, case)

    await eventually(flagged)
    return order, case


def flag(counter: Counter, case: Cancellation) -> str | None:
    """What the ticket says about needing a person."""
    tickets = table(TicketRow)
    with counter.database.reading() as connection:
        found = select(tickets.c.needs_attention).where(tickets.c.cancellation_id == case.id)
        flagged: str | None = connection.execute(found).scalar_one()
        return flagged


def is_closed(counter: Counter, case: Cancellation) -> bool:
    tickets = table(TicketRow)
    with counter.database.reading() as connection:
        found = select(tickets.c.closed_at).where(tickets.c.cancellation_id == case.id)
        return connection.execute(found).scalar_one() is not None


def credits_of(counter: Counter) -> int:
    with counter.database.reading() as connection:
        counted = connection.execute(select(func.count()).select_from(table(CreditRow)))
        return int(counted.scalar_one())


def software_status(counter: Counter, order: Order) -> str:
    items = table(SoftwareItemRow)
    with counter.database.reading() as connection:
        found = select(items.c.status).where(items.c.order_id == order.id)
        return str(connection.execute(found).scalar_one())


async def test_a_failing_step_says_so_to_everybody_and_mends_itself(
    counter: Counter, trouble: Trouble
) -> None:
    order, case = await stuck_at("revoke_key", counter, trouble)
    assert "Revoke the product key" in str(flag(counter, case))
    assert counter.notices().count(NoticeKind.NEEDS_ATTENTION) == 1
    assert counter.key_states(order) == {KeyState.SUSPENDED}, "credited, and no key works"

    trouble.steps.clear()

    assert (await counter.outcome(case)).status == CancellationStatus.COMPLETED
    assert flag(counter, case) is None
    assert counter.notices().count(NoticeKind.NEEDS_ATTENTION) == 1
    assert await counter.breaches() == []


async def test_an_operator_retries_a_mended_step_at_once(
    counter: Counter, trouble: Trouble
) -> None:
    _, case = await stuck_at("book_credit", counter, trouble)
    trouble.steps.clear()
    before = await counter.now()
    desk, operator = counter.house.desk, counter.house.person(OPERATOR)
    await desk.retry_cancellation(case.id, receipt(Prefix.ACT), operator)
    outcome = await counter.process(case).result()
    assert outcome.status == CancellationStatus.COMPLETED
    assert await counter.now() - before < timedelta(seconds=20), "no clock had to run"
    assert credits_of(counter) == 1


async def test_giving_up_before_the_credit_gives_the_key_back(
    counter: Counter, trouble: Trouble
) -> None:
    order, case = await stuck_at("book_credit", counter, trouble)
    assert counter.key_states(order) == {KeyState.SUSPENDED}
    desk, operator = counter.house.desk, counter.house.person(OPERATOR)

    state = await desk.compensate_cancellation(case.id, receipt(Prefix.ACT), operator)

    assert state.stage == CancellationStage.COMPENSATED
    assert (await counter.outcome(case)).status == CancellationStatus.COMPENSATED
    assert (await counter.case(case)).status == CancellationStatus.COMPENSATED
    assert counter.key_states(order) == {KeyState.ALLOCATED}
    assert software_status(counter, order) == SoftwareStatus.ACTIVE
    assert is_closed(counter, case)
    assert credits_of(counter) == 0
    assert NoticeKind.CANCELLATION_COMPENSATED in counter.notices()
    trouble.steps.clear()
    assert await counter.breaches() == []
    again = await counter.waiting(await counter.cancel(order))
    await counter.approve(again)
    assert (await counter.outcome(again)).status == CancellationStatus.COMPLETED


async def test_a_credit_is_never_given_up(counter: Counter, trouble: Trouble) -> None:
    _, case = await stuck_at("revoke_key", counter, trouble)
    desk, operator = counter.house.desk, counter.house.person(OPERATOR)
    with pytest.raises(Refused) as refused:
        await desk.compensate_cancellation(case.id, receipt(Prefix.ACT), operator)
    assert refused.value.code == "not_compensable"
    trouble.steps.clear()
    await desk.retry_cancellation(case.id, receipt(Prefix.ACT), operator)
    assert (await counter.outcome(case)).status == CancellationStatus.COMPLETED


async def test_a_case_given_up_after_its_credit_was_booked_unseen_goes_on(
    counter: Counter, trouble: Trouble
) -> None:
    order, case = await stuck_at("book_credit", counter, trouble)
    trouble.steps.clear()
    trouble.deaf = {"book_credit"}
    failures = trouble.failures
    await counter.clock.sleep(timedelta(minutes=2))
    assert trouble.failures > failures
    assert credits_of(counter) == 1
    desk, operator = counter.house.desk, counter.house.person(OPERATOR)
    compensating = desk.compensate_cancellation(case.id, receipt(Prefix.ACT), operator)
    trouble.deaf.clear()
    state = await compensating
    assert state.stage == CancellationStage.COMPLETED
    assert credits_of(counter) == 1
    assert counter.key_states(order) == {KeyState.REVOKED}
    assert await counter.breaches() == []
