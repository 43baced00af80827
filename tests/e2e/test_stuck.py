"""The stuck detector beside a real Temporal: quiet while work goes on, and right about what does not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from models.ids import Prefix, new_id, purchase_workflow_id
from models.order import Order, OrderDraft, OrderLineDraft
from models.stuck import Stuck, StuckKind
from portal.stuck import LONG_LIVED, STEP_ATTEMPTS, find_stuck
from storage.engine import Database
from storage.verify import verify
from tests.factories import BUYER, CUSTOMER, PER_LINE, Story
from tests.fixtures.worker import House, house, receipt

# The grace of a fresh row is over then; a worker that idles has still asked for work not long before.
LATER = timedelta(seconds=65)
_FIRST_TASK_ENDS = 4


@pytest.fixture
def client(temporal_server: WorkflowEnvironment) -> Client:
    return temporal_server.client


@pytest.fixture
async def inside(client: Client, database: Database, tmp_path: Path) -> AsyncIterator[House]:
    """A desk and a worker at work."""
    async with house(client, database, tmp_path) as opened:
        yield opened


async def test_work_that_goes_on_is_not_stuck(inside: House) -> None:
    await _bought(inside)

    assert await _found(inside, after=LATER) == []


async def test_a_case_without_its_workflow_is_missing(inside: House) -> None:
    story = Story(inside.database, placed_at=datetime.now(UTC) - timedelta(hours=1)).buy()

    # On a busy machine the worker of this test may not have asked for work yet, which is found, too.
    [missing] = [s for s in await _found(inside) if s.kind is StuckKind.WORKFLOW_MISSING]

    assert missing.subject == purchase_workflow_id(story.order_id)
    assert "was never started" in missing.why


async def test_a_workflow_that_ended_before_its_case_is_mended_by_a_reset(inside: House) -> None:
    order = await _bought(inside)
    handle = inside.client.get_workflow_handle(purchase_workflow_id(order.id))
    await handle.terminate("by mistake")

    [ended] = await _found(inside, after=LATER)
    await inside.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=inside.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=handle.id),
            reason="a test mends it",
            request_id=new_id(Prefix.ACT),
            workflow_task_finish_event_id=_FIRST_TASK_ENDS,
        )
    )

    assert (ended.kind, ended.subject) == (StuckKind.WORKFLOW_ENDED, handle.id)
    await _window_open(inside, order)
    assert await _found(inside, after=LATER) == []
    breaches = verify(inside.database, datetime.now(UTC)).breaches
    assert breaches == ()


async def test_a_workflow_whose_case_is_over_is_left_over(inside: House) -> None:
    order = await _bought(inside)
    with inside.database.transaction() as connection:
        connection.execute(
            text("UPDATE orders SET status = 'final' WHERE id = :id"), {"id": order.id}
        )

    found = await _until(inside, StuckKind.WORKFLOW_LEFT_OVER, after=LATER)

    assert found.subject == purchase_workflow_id(order.id)
    assert "final" in found.why


async def test_a_step_that_keeps_failing_is_found_with_its_reason(inside: House) -> None:
    with inside.database.transaction() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE ledger_entries ADD CONSTRAINT nothing_is_booked CHECK (false) NOT VALID"
        )
    order = await _place(inside)

    found = await _until(inside, StuckKind.STEP_FAILING, step_attempts=2)

    assert found.subject == purchase_workflow_id(order.id)
    assert "charge_order" in found.why
    assert "nothing_is_booked" in found.why


async def test_without_a_worker_its_queue_and_its_steps_wait(
    client: Client, database: Database, tmp_path: Path
) -> None:
    async with house(client, database, tmp_path) as closed:
        pass
    order = await _place(closed)

    found = await _found(closed, after=timedelta(minutes=6))

    assert {StuckKind.NO_WORKER, StuckKind.STEP_OVERDUE} == {stuck.kind for stuck in found}
    assert order.id in {stuck.subject for stuck in found}


async def _place(inside: House) -> Order:
    draft = OrderDraft(
        customer_id=CUSTOMER, currency="EUR", lines=(OrderLineDraft(sku=PER_LINE, quantity=1),)
    )
    return await inside.desk.place_order(draft, receipt(Prefix.ORDER), inside.person(BUYER))


async def _bought(inside: House) -> Order:
    """An order whose window is open, once visibility knows it as well."""
    order = await _place(inside)
    await _window_open(inside, order)
    return order


async def _window_open(inside: House, order: Order) -> None:
    query = (
        f"WorkflowId = '{purchase_workflow_id(order.id)}' AND ExecutionStatus = 'Running'"
        " AND KeydeskStage = 'cancellation window open'"
    )
    async with asyncio.timeout(20):
        while (await inside.client.count_workflows(query)).count == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _found(
    inside: House, *, after: timedelta = timedelta(0), step_attempts: int = STEP_ATTEMPTS
) -> list[Stuck]:
    """What is stuck, but for mails: these tests deliver none, and the workflow that does is not theirs."""
    found = await find_stuck(
        inside.database,
        inside.client,
        inside.task_queue,
        datetime.now(UTC) + after,
        step_attempts=step_attempts,
    )
    return [
        s for s in found if s.kind is not StuckKind.MAIL_WAITING and s.subject not in LONG_LIVED
    ]


async def _until(
    inside: House,
    kind: StuckKind,
    *,
    after: timedelta = timedelta(0),
    step_attempts: int = STEP_ATTEMPTS,
) -> Stuck:
    """The first finding of a kind, as soon as the engine shows it."""
    async with asyncio.timeout(30):
        while True:
            found = await _found(inside, after=after, step_attempts=step_attempts)
            chosen = [stuck for stuck in found if stuck.kind is kind]
            if chosen:
                return chosen[0]
            await asyncio.sleep(0.2)
