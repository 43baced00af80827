"""The delivery workflow on a real server: round after round, through failures and a worker gone silent."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities.failure import SafeFailures
from models.outbox import DeliveryReport
from storage.engine import Database
from tests.factories import Story
from tests.fixtures.counter import eventually
from tests.fixtures.endpoints import courier, register
from tests.fixtures.receiver import Receiver
from workflows.delivery import DeliveryWorkflow

Handle = WorkflowHandle[DeliveryWorkflow, None]


@asynccontextmanager
async def delivering(
    environment: WorkflowEnvironment, deliver: Callable[..., Any]
) -> AsyncIterator[Handle]:
    """The workflow with a worker, both gone afterwards."""
    client, task_queue = environment.client, uuid.uuid4().hex
    async with Worker(
        client,
        task_queue=task_queue,
        workflows=[DeliveryWorkflow],
        activities=[deliver],
        interceptors=[SafeFailures()],
    ):
        handle = await client.start_workflow(
            DeliveryWorkflow.run, id=f"deliveries-{task_queue}", task_queue=task_queue
        )
        try:
            yield handle
        finally:
            await client.get_workflow_handle(handle.id).terminate()


async def test_events_arrive_and_are_counted(
    temporal_server: WorkflowEnvironment, database: Database, receiver: Receiver
) -> None:
    register(database, receiver.url(), at=datetime.now(UTC))
    Story(database).buy().cancel()
    deliver = courier(database, run_s=1.0).deliver_events
    async with delivering(temporal_server, deliver) as handle:

        async def counted() -> bool:
            return (await handle.query(DeliveryWorkflow.status)).sent == 5

        await eventually(counted)
        history = await handle.fetch_history()
    assert [int(got.event.sequence) for got in receiver.got] == [1, 2, 3, 4, 5]
    await Replayer(
        workflows=[DeliveryWorkflow], data_converter=temporal_server.client.data_converter
    ).replay_workflow(history)


async def test_a_failing_round_is_retried_in_the_open_and_the_ui_tells_the_counts(
    temporal_server: WorkflowEnvironment,
) -> None:
    attempts = 0

    @activity.defn(name="deliver_events")
    async def deliver() -> DeliveryReport:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ApplicationError("The database cannot be reached.", type="database")
        await asyncio.sleep(0.2)
        return DeliveryReport(sent=2, postponed=1)

    async with delivering(temporal_server, deliver) as handle:

        async def failing() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any("cannot be reached" in a.last_failure.message for a in pending)

        await eventually(failing)

        async def told() -> bool:
            metadata = await handle.query(
                "__temporal_workflow_metadata", result_type=WorkflowMetadata
            )
            return "were taken so far: 2" in metadata.current_details

        await eventually(told)


async def test_a_round_gone_silent_is_begun_again_within_seconds(
    temporal_server: WorkflowEnvironment, database: Database, receiver: Receiver
) -> None:
    """As with a worker that was killed: it has the round and is never heard of again."""
    activities = courier(database, run_s=1.0)

    @activity.defn(name="deliver_events")
    async def deliver() -> DeliveryReport:
        if activity.info().attempt == 1:
            await asyncio.sleep(60)
        return await activities.deliver_events()

    register(database, receiver.url(), at=datetime.now(UTC))
    Story(database).buy()
    async with delivering(temporal_server, deliver):
        await asyncio.wait_for(receiver.called.wait(), 25)
