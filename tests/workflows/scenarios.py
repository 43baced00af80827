"""One story for every ending of every workflow, told on a server that skips time; recorded to be replayed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from models.cancellation import Cancellation
from models.order import Order, OrderStatus
from tests.factories import OTHER_APPROVER, PARTS, PER_LINE, PER_UNIT, SEVERAL, UNDOABLE, Story
from tests.fixtures.counter import Counter, eventually
from tests.fixtures.pool import fill_pool
from tests.fixtures.trouble import Trouble
from tests.workflows import lasting_scenarios, replacement_scenarios

RULED = "DG7GMGF0D5RK:000C"
"""A product of the family that `ruling()` is for."""
_LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
_MORE_THAN_IN_STOCK = 250

Handle = WorkflowHandle[Any, Any]
Scenario = Callable[[Counter, Trouble], Awaitable[Handle]]


async def purchase_final(counter: Counter, _: Trouble) -> Handle:
    order = await counter.buy(PER_UNIT, 2)
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_cancelled(counter: Counter, _: Trouble) -> Handle:
    placed = await counter.place((PER_LINE, 2), (PER_UNIT, 1))
    order = await counter.reaching(placed, OrderStatus.FULFILLED)
    for line in range(2):
        case = await counter.waiting(await counter.cancel(order, line=line))
        await counter.approve(case)
        await counter.outcome(case)
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_parted(counter: Counter, _: Trouble) -> Handle:
    order = await counter.buy(PARTS, 3)
    for quantity in (1, None):
        case = await counter.waiting(await counter.cancel(order, quantity=quantity))
        await counter.approve(case)
        await counter.outcome(case)
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_failed(counter: Counter, _: Trouble) -> Handle:
    order = await _dry(counter)
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_given_up(counter: Counter, _: Trouble) -> Handle:
    order = await _dry(counter)
    await counter.repair(counter.purchase(order), "compensate")
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_restocked(counter: Counter, _: Trouble) -> Handle:
    order = await _dry(counter)
    fill_pool(counter.database, PER_UNIT, _MORE_THAN_IN_STOCK)
    await counter.repair(counter.purchase(order), "retry")
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_woken(counter: Counter, _: Trouble) -> Handle:
    order = await _dry(counter)
    fill_pool(counter.database, PER_UNIT, _MORE_THAN_IN_STOCK)
    await counter.house.desk.engine.wake(counter.purchase(order).id)
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_waited_for_case(counter: Counter, _: Trouble) -> Handle:
    order = await counter.buy()
    await counter.clock.sleep(timedelta(days=59, hours=23))
    case = await counter.waiting(await counter.cancel(order))
    await counter.clock.sleep(timedelta(hours=3))
    await counter.decline(case)
    await counter.ending(order)
    return counter.purchase(order)


async def purchase_mended(counter: Counter, trouble: Trouble) -> Handle:
    trouble.steps = {"charge_order"}
    order = await counter.place((PER_LINE, 1))
    await _failing(trouble)
    await counter.clock.sleep(timedelta(minutes=6))
    trouble.steps.clear()
    await counter.clock.sleep(timedelta(minutes=2))
    await counter.ending(order)
    return counter.purchase(order)


async def cancellation_completed(counter: Counter, _: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    await counter.approve(case)
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_agreed(counter: Counter, _: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy(SEVERAL)))
    await counter.approve(case)
    await counter.clock.sleep(timedelta(hours=2))
    await counter.approve(case, by=OTHER_APPROVER)
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_undone(counter: Counter, _: Trouble) -> Handle:
    """Approved after a reminder, taken back, and approved by another person for good after the next one."""
    case = await counter.waiting(await counter.cancel(await counter.buy(UNDOABLE)))
    await counter.clock.sleep(timedelta(days=1, minutes=1))
    await counter.approve(case)
    await counter.clock.sleep(timedelta(minutes=2))
    await counter.undo(case)
    await counter.clock.sleep(timedelta(days=2, minutes=10))
    await counter.approve(case, by=OTHER_APPROVER)
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_declined(counter: Counter, _: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    await counter.clock.sleep(timedelta(days=1, minutes=1))
    await counter.decline(case)
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_withdrawn(counter: Counter, _: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    await counter.withdraw(case)
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_expired(counter: Counter, _: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_questioned(counter: Counter, _: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    await counter.ask(case)
    await counter.answer(case)
    await counter.approve(case, amount=1)
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_automatic(counter: Counter, _: Trouble) -> Handle:
    case = await counter.cancel(await counter.buy(RULED))
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_ineligible(counter: Counter, _: Trouble) -> Handle:
    """Granted at the door, but the key was revealed before the process looked."""
    story = Story(counter.database, placed_at=await counter.now(), sku=RULED).buy()
    story.receive().reveal()
    await counter.house.desk.engine.start_cancellation(story.cancellation_id)
    handle = counter.house.client.get_workflow_handle(f"cancellation:{story.line_id}")
    await handle.result()
    return handle


async def cancellation_mended(counter: Counter, trouble: Trouble) -> Handle:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    trouble.steps = {"suspend_key"}
    await counter.approve(case)
    await _failing(trouble)
    trouble.steps.clear()
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_retried(counter: Counter, trouble: Trouble) -> Handle:
    case = await _stuck(counter, trouble)
    trouble.steps.clear()
    await counter.repair(counter.process(case), "retry")
    await counter.outcome(case)
    return counter.process(case)


async def cancellation_compensated(counter: Counter, trouble: Trouble) -> Handle:
    case = await _stuck(counter, trouble)
    await counter.repair(counter.process(case), "compensate")
    await counter.outcome(case)
    return counter.process(case)


async def statement_months(counter: Counter, _: Trouble) -> Handle:
    """Two months left open: a charge in one, its credit and another charge in the next."""
    order = await counter.buy()
    await counter.clock.sleep(timedelta(days=31))
    case = await counter.waiting(await counter.cancel(order))
    await counter.approve(case)
    await counter.outcome(case)
    await counter.buy(PER_UNIT)
    await counter.clock.sleep(timedelta(days=31))
    return await counter.close_months()


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        purchase_final,
        purchase_cancelled,
        purchase_parted,
        purchase_failed,
        purchase_given_up,
        purchase_restocked,
        purchase_woken,
        purchase_waited_for_case,
        purchase_mended,
        cancellation_completed,
        cancellation_agreed,
        cancellation_undone,
        cancellation_declined,
        cancellation_withdrawn,
        cancellation_expired,
        cancellation_questioned,
        cancellation_automatic,
        cancellation_ineligible,
        cancellation_mended,
        cancellation_retried,
        cancellation_compensated,
        *lasting_scenarios.ALL,
        *replacement_scenarios.ALL,
        statement_months,
    )
}


async def _dry(counter: Counter) -> Order:
    order = await counter.place((PER_UNIT, _MORE_THAN_IN_STOCK))

    async def told() -> bool:
        return "stock_missing" in counter.notices()

    await eventually(told)
    return order


async def _failing(trouble: Trouble) -> None:
    async def failed_twice() -> bool:
        return trouble.failures >= 2

    await eventually(failed_twice)


async def _stuck(counter: Counter, trouble: Trouble) -> Cancellation:
    case = await counter.waiting(await counter.cancel(await counter.buy()))
    trouble.steps = {"book_credit"}
    await counter.approve(case)
    await _failing(trouble)
    await counter.clock.sleep(timedelta(minutes=6))

    async def told() -> bool:
        return "needs_attention" in counter.notices()

    await eventually(told)
    return case
