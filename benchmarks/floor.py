"""The engine's own floor: a workflow that only starts, takes the decision update and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

with workflow.unsafe.imports_passed_through():
    from benchmarks.place import Place
    from benchmarks.sale import Sale
    from integrations.temporal import connect

TASK_QUEUE = "bench-floor"


@workflow.defn
class FloorWorkflow:
    """Nothing but a decision."""

    def __init__(self) -> None:
        self._verdict: str | None = None

    @workflow.run
    async def run(self, cancellation_id: str) -> str:
        del cancellation_id
        await workflow.wait_condition(lambda: self._verdict is not None)
        assert self._verdict is not None
        return self._verdict

    @workflow.update
    async def decide(self, verdict: str) -> str:
        """The decision."""
        self._verdict = verdict
        return verdict


@workflow.defn
class FirstTaskWorkflow:
    """Ends in its first task: start and one round trip, the least that a workflow can cost."""

    @workflow.run
    async def run(self, number: int) -> int:
        return number


class Contestant:
    """Starts, decides, waits for the end."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def cancel(self, sale: Sale) -> None:
        """Nothing is cancelled: only the engine works."""
        handle = await self._client.start_workflow(
            FloorWorkflow.run,
            sale.cancellation_id,
            id=f"floor-{sale.cancellation_id}",
            task_queue=TASK_QUEUE,
        )
        await handle.execute_update(FloorWorkflow.decide, "approved")
        await handle.result()


def worker(client: Client) -> Worker:
    """With the same workflow runner as our own worker, so that only the work differs."""
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[FloorWorkflow, FirstTaskWorkflow],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[Contestant]:
    """One process starts, decides and works."""
    client = await connect(place.temporal_address, place.temporal_namespace)
    async with worker(client):
        yield Contestant(client)
