"""One story for every ending of a replacement, and for the waits on its way."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from models.decision import Verdict
from models.ids import Prefix
from models.order import Order
from models.product_key import KeyActRequest
from models.replacement import Replacement, ReplacementStage
from tests.factories import APPROVER, BUYER, PER_UNIT
from tests.fixtures.counter import Counter, eventually
from tests.fixtures.pool import fill_pool
from tests.fixtures.trouble import Trouble
from tests.fixtures.worker import receipt

Handle = WorkflowHandle[Any, Any]
Scenario = Callable[[Counter, Trouble], Awaitable[Handle]]
_WEEKS = timedelta(days=15)


async def ask(counter: Counter, order: Order) -> Replacement:
    """The buyer says that the key of the first unit leaked."""
    return await counter.house.desk.replacements.request(
        order.lines[0].software_id,
        KeyActRequest(unit_number=1, reason="It was posted in a forum."),
        receipt(Prefix.REPLACEMENT, await counter.now()),
        counter.house.person(BUYER),
    )


async def settle(
    counter: Counter,
    found: Replacement,
    verdict: Verdict = Verdict.APPROVED,
    by: str = APPROVER,
    note: str | None = None,
) -> Replacement:
    """Somebody decides, or the requester withdraws."""
    desk, person = counter.house.desk.replacements, counter.house.person(by)
    if verdict is Verdict.WITHDRAWN:
        return await desk.withdraw(found.id, receipt(Prefix.DECISION), person)
    return await desk.decide(found.id, verdict, note, receipt(Prefix.DECISION), person)


def process(counter: Counter, found: Replacement) -> Handle:
    """The replacement's workflow."""
    return counter.house.client.get_workflow_handle(found.workflow_id)


async def reaching(counter: Counter, found: Replacement, stage: ReplacementStage) -> None:
    """Once it stands there."""

    async def there() -> bool:
        state = await process(counter, found).query("status")
        return bool(state["stage"] == stage)

    await eventually(there)


async def replacement_completed(counter: Counter, _: Trouble) -> Handle:
    found = await ask(counter, await counter.buy(PER_UNIT, 2))
    await settle(counter, found)
    await process(counter, found).result()
    return process(counter, found)


async def replacement_declined(counter: Counter, _: Trouble) -> Handle:
    found = await ask(counter, await counter.buy(PER_UNIT, 2))
    await settle(counter, found, Verdict.DECLINED)
    await process(counter, found).result()
    return process(counter, found)


async def replacement_withdrawn(counter: Counter, _: Trouble) -> Handle:
    found = await ask(counter, await counter.buy(PER_UNIT, 2))
    await settle(counter, found, Verdict.WITHDRAWN, BUYER)
    await process(counter, found).result()
    return process(counter, found)


async def replacement_expired(counter: Counter, _: Trouble) -> Handle:
    found = await ask(counter, await counter.buy(PER_UNIT, 2))
    await reaching(counter, found, ReplacementStage.WAITING_FOR_APPROVAL)
    await counter.clock.sleep(_WEEKS)
    await process(counter, found).result()
    return process(counter, found)


async def replacement_reminded(counter: Counter, _: Trouble) -> Handle:
    """Everybody was reminded, the operators last, before somebody decides."""
    found = await ask(counter, await counter.buy(PER_UNIT, 2))
    await reaching(counter, found, ReplacementStage.WAITING_FOR_APPROVAL)
    await counter.clock.sleep(timedelta(days=6))
    await settle(counter, found, note="It stands there indeed.")
    await process(counter, found).result()
    return process(counter, found)


async def replacement_restocked(counter: Counter, _: Trouble) -> Handle:
    """The pool of five is sold out; one look in vain by the clock, then an import and the relay's word."""
    found = await ask(counter, await counter.buy(PER_UNIT, 5))
    await settle(counter, found)
    await reaching(counter, found, ReplacementStage.WAITING_FOR_STOCK)
    await counter.clock.sleep(timedelta(minutes=2))
    fill_pool(counter.database, PER_UNIT, 1)
    await counter.house.desk.engine.wake(found.workflow_id)
    await process(counter, found).result()
    return process(counter, found)


async def replacement_mended(counter: Counter, trouble: Trouble) -> Handle:
    found = await ask(counter, await counter.buy(PER_UNIT, 2))
    trouble.steps = {"issue_key"}
    await settle(counter, found)

    async def failed_twice() -> bool:
        return trouble.failures >= 2

    await eventually(failed_twice)
    await counter.clock.sleep(timedelta(minutes=6))
    trouble.steps.clear()
    await counter.clock.sleep(timedelta(minutes=2))
    await process(counter, found).result()
    return process(counter, found)


ALL = (
    replacement_completed,
    replacement_declined,
    replacement_withdrawn,
    replacement_expired,
    replacement_reminded,
    replacement_restocked,
    replacement_mended,
)
