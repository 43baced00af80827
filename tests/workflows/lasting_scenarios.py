"""One story for each workflow that has no end: those that send, and the one that keeps an outside desk in step."""

from typing import Any

from temporalio.client import WorkflowHandle

from tests.fixtures.counter import Counter, eventually
from tests.fixtures.trouble import Trouble

Handle = WorkflowHandle[Any, Any]


async def outbox_working(counter: Counter, _: Trouble) -> Handle:
    await counter.buy()
    return await _working(counter, "outbox")


async def deliveries_working(counter: Counter, _: Trouble) -> Handle:
    return await _working(counter, "deliveries")


async def _working(counter: Counter, workflow_id: str) -> Handle:
    await counter.house.desk.engine.ensure_senders()
    handle = counter.house.client.get_workflow_handle(workflow_id)

    async def three_rounds() -> bool:
        return len((await handle.fetch_history()).events) > 20

    await eventually(three_rounds)
    return handle


async def outside_desk_away(counter: Counter, _: Trouble) -> Handle:
    """No desk is set up where the worker runs: the workflow, left from before, ends."""
    await counter.buy()
    await counter.house.desk.engine.ensure_outside_desk()
    handle = counter.house.client.get_workflow_handle("outside-desk")
    await handle.result()
    return handle


ALL = (outbox_working, deliveries_working, outside_desk_away)
