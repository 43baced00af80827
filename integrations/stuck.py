"""What the process engine alone knows of waiting: which workflows run, and what they are waiting for."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from models.stuck import PendingStep, RunningCase

_CASES = (
    "ExecutionStatus = 'Running'"
    " AND WorkflowType IN ('PurchaseWorkflow', 'CancellationWorkflow', 'ReplacementWorkflow')"
)
_BUSY = f"{_CASES} AND KeydeskStage != 'cancellation window open'"
_REPORTED = "ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL"

_PAGE = 1000
_AT_ONCE = 20
_FAILURE_LENGTH = 200


async def running_cases(client: Client, task_queue: str) -> set[str]:
    """The workflows of all open orders and cases; visibility lags, so ask `describe` before judging."""
    return await _ids(client, _CASES, task_queue)


async def suspects(client: Client, task_queue: str) -> set[str]:
    """Cases between two steps, and whatever reports a problem.

    Few, however many orders only wait for their window to close.
    """
    return await _ids(client, _BUSY, task_queue) | await _ids(client, _REPORTED, task_queue)


async def _ids(client: Client, query: str, task_queue: str) -> set[str]:
    ours = f"{query} AND TaskQueue = '{task_queue}'"
    return {found.id async for found in client.list_workflows(ours, page_size=_PAGE)}


async def describe_all(client: Client, workflow_ids: Iterable[str]) -> dict[str, RunningCase]:
    """What each of these workflows waits for at this moment; those that never were are left out."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(workflow_id: str) -> RunningCase | None:
        async with limit:
            return await describe(client, workflow_id)

    found = await asyncio.gather(*(one(workflow_id) for workflow_id in sorted(workflow_ids)))
    return {case.workflow_id: case for case in found if case is not None}


async def describe(client: Client, workflow_id: str) -> RunningCase | None:
    """One workflow, from its own state and not from visibility; None if it never was."""
    try:
        description = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return _case(description)


async def last_poll(client: Client, task_queue: str) -> datetime | None:
    """When a worker last asked this queue for workflow tasks; None if none did in the last minutes."""
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
    )
    polls = [_instant(poller.last_access_time) for poller in answer.pollers]
    return max((poll for poll in polls if poll is not None), default=None)


def _case(description: WorkflowExecutionDescription) -> RunningCase:
    raw = description.raw_description
    task = raw.pending_workflow_task if raw.HasField("pending_workflow_task") else None
    return RunningCase(
        workflow_id=description.id,
        started_at=description.start_time,
        running=description.status is WorkflowExecutionStatus.RUNNING,
        task_attempt=task.attempt if task else 0,
        task_scheduled_at=_instant(task.scheduled_time) if task else None,
        steps=tuple(_step(activity) for activity in raw.pending_activities),
    )


def _step(activity: PendingActivityInfo) -> PendingStep:
    failed = activity.HasField("last_failure")
    return PendingStep(
        name=activity.activity_type.name,
        attempt=activity.attempt,
        scheduled_at=_instant(activity.scheduled_time),
        started=activity.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        last_failure=activity.last_failure.message[:_FAILURE_LENGTH] if failed else None,
    )


def _instant(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(tzinfo=UTC) if stamp.seconds else None
