"""The outbox workflow on real servers: round after round, through failures, restarts and cut histories."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, Worker

from activities.failure import SafeFailures
from activities.outbox import OutboxActivities
from integrations.notifier.directory import DirectoryNotifier
from integrations.notifier.render import Renderer
from models.outbox import DeliveryReport
from storage.engine import Database
from storage.outbox import pending_count
from tests.fixtures.notices import queue
from workflows.outbox import OutboxWorkflow

Handle = WorkflowHandle[OutboxWorkflow, None]


async def started(client: Client, task_queue: str) -> Handle:
    return await client.start_workflow(
        OutboxWorkflow.run,
        id=f"outbox-{task_queue}",
        task_queue=task_queue,
    )


def worker(client: Client, task_queue: str, deliver: Callable[..., Any]) -> Worker:
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[OutboxWorkflow],
        activities=[deliver],
        interceptors=[SafeFailures()],
        graceful_shutdown_timeout=timedelta(seconds=5),
        max_heartbeat_throttle_interval=timedelta(seconds=1),
    )


@asynccontextmanager
async def delivering(
    environment: WorkflowEnvironment, deliver: Callable[..., Any]
) -> AsyncIterator[Handle]:
    """The workflow with a worker, both gone afterwards."""
    client, task_queue = environment.client, uuid.uuid4().hex
    async with worker(client, task_queue, deliver):
        handle = await started(client, task_queue)
        try:
            yield handle
        finally:
            await client.get_workflow_handle(handle.id).terminate()


async def eventually(check: Callable[[], Awaitable[bool]], within_s: float = 15) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if await check():
                return
            await asyncio.sleep(0.1)


def files(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.eml"))


def courier(database: Database, directory: Path) -> OutboxActivities:
    return OutboxActivities(
        database,
        DirectoryNotifier(directory, "Keydesk <keydesk@keydesk.example>"),
        Renderer("https://keydesk.example"),
        run_for=timedelta(seconds=1),
        poll_every=timedelta(milliseconds=50),
    )


async def test_queued_mails_arrive_and_are_counted(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    for _ in range(3):
        queue(database, at=datetime.now(UTC))
    deliver = courier(database, tmp_path).deliver_notices
    async with delivering(temporal_server, deliver) as handle:

        async def counted() -> bool:
            return (await handle.query(OutboxWorkflow.status)).sent == 3

        await eventually(counted)
        queue(database, at=datetime.now(UTC))

        async def fourth_arrived() -> bool:
            return len(files(tmp_path)) == 4

        await eventually(fourth_arrived)
        history = await handle.fetch_history()
    assert pending_count(database) == 0
    await Replayer(
        workflows=[OutboxWorkflow], data_converter=temporal_server.client.data_converter
    ).replay_workflow(history)


async def test_the_ui_tells_in_plain_words_what_happens(
    temporal_server: WorkflowEnvironment,
) -> None:
    rounds = 0

    @activity.defn(name="deliver_notices")
    async def deliver() -> DeliveryReport:
        nonlocal rounds
        rounds += 1
        if rounds > 1:
            await asyncio.sleep(2)
        return DeliveryReport(sent=2, postponed=1)

    async with delivering(temporal_server, deliver) as handle:

        async def told() -> bool:
            metadata = await handle.query(
                "__temporal_workflow_metadata", result_type=WorkflowMetadata
            )
            details = metadata.current_details
            return "sent so far: 2" in details and "put off to a later try: 1" in details

        await eventually(told)


async def test_a_failing_round_is_retried_in_the_open_and_costs_nothing(
    temporal_server: WorkflowEnvironment,
) -> None:
    attempts = 0

    @activity.defn(name="deliver_notices")
    async def deliver() -> DeliveryReport:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise ApplicationError("The database cannot be reached.", type="database")
        await asyncio.sleep(0.1)
        return DeliveryReport(sent=1)

    async with delivering(temporal_server, deliver) as handle:

        async def failing() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any("cannot be reached" in a.last_failure.message for a in pending)

        await eventually(failing)

        async def recovered() -> bool:
            return (await handle.query(OutboxWorkflow.status)).sent > 0

        await eventually(recovered)
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def test_a_round_gone_silent_is_begun_again_within_seconds(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    """As with a worker that was killed: it has the round and is never heard of again."""
    activities = courier(database, tmp_path)

    @activity.defn(name="deliver_notices")
    async def deliver() -> DeliveryReport:
        if activity.info().attempt == 1:
            await asyncio.sleep(60)
        return await activities.deliver_notices()

    queue(database, at=datetime.now(UTC))
    async with delivering(temporal_server, deliver):

        async def arrived() -> bool:
            return len(files(tmp_path)) == 1

        await eventually(arrived, within_s=20)


async def test_a_stopping_worker_hands_the_round_back_at_once(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    task_queue = uuid.uuid4().hex
    activities = OutboxActivities(
        database,
        DirectoryNotifier(tmp_path, "Keydesk <keydesk@keydesk.example>"),
        Renderer("https://keydesk.example"),
    )
    running = worker(temporal_server.client, task_queue, activities.deliver_notices)
    async with running:
        handle = await started(temporal_server.client, task_queue)
        queue(database, at=datetime.now(UTC))

        async def arrived() -> bool:
            return len(files(tmp_path)) == 1

        await eventually(arrived)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 4
    events = [event.event_type async for event in handle.fetch_history_events()]
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED in events
    await handle.terminate()


async def test_the_history_is_cut_and_the_counts_go_on(time_skipping: WorkflowEnvironment) -> None:
    @activity.defn(name="deliver_notices")
    async def deliver() -> DeliveryReport:
        return DeliveryReport(sent=1, failed=1)

    async with delivering(time_skipping, deliver) as handle:
        latest = time_skipping.client.get_workflow_handle_for(OutboxWorkflow.run, handle.id)

        async def cut() -> bool:
            try:
                report = await latest.query(OutboxWorkflow.status)
            except RPCError as error:
                # A run that ends while it is asked never answers; the next one is asked instead.
                if error.status is not RPCStatusCode.DEADLINE_EXCEEDED:
                    raise
                return False
            assert report.failed == report.sent
            return report.sent > 210

        await eventually(cut, within_s=60)
        description = await latest.describe()
        assert description.run_id != handle.result_run_id
        assert description.history_length < 200 * 6
