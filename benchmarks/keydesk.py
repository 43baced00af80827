"""Our own process: the desk's code starts it, the house's worker runs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from temporalio.client import Client

from activities.outbox import OutboxActivities
from benchmarks.place import CIPHER, Place
from benchmarks.sale import Sale, Till
from integrations.notifier.directory import DirectoryNotifier
from integrations.notifier.render import Renderer
from integrations.temporal import connect
from portal.engine import Engine
from storage.engine import Database
from worker import build_worker

TASK_QUEUE = "bench-keydesk"


class Contestant:
    """The desk's two moves: write the request, start its process."""

    def __init__(self, till: Till, engine: Engine, door: Client) -> None:
        self._till = till
        self._engine = engine
        self._door = door

    async def cancel(self, sale: Sale) -> None:
        """From the request to the closed process."""
        await run_in_threadpool(self._till.receive, sale)
        await self._engine.start_cancellation(sale.cancellation_id)
        await self._door.get_workflow_handle(sale.workflow_id).result()


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[Contestant]:
    """The worker of worker.py; door and worker have clients of their own, as two processes would."""
    database = Database(place.database_url, pool_size=16)
    client = await connect(place.temporal_address, place.temporal_namespace)
    door = await connect(place.temporal_address, place.temporal_namespace)
    # The outbox workflow is not started, so no mail is ever written.
    outbox = OutboxActivities(
        database, DirectoryNotifier(Path("unused"), "bench@keydesk.test"), Renderer("http://bench")
    )
    async with build_worker(client, database, outbox, CIPHER, task_queue=TASK_QUEUE):
        yield Contestant(Till(database), Engine(database, door, TASK_QUEUE), door)
    database.close()
