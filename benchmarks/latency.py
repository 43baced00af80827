"""From POST /cancellations to an open ticket, one at a time, beside the engine's shortest round trip."""

import asyncio
import time
from collections.abc import Callable, Sequence
from statistics import median

from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool
from temporalio.client import Client

from benchmarks import floor
from benchmarks.house import open_house
from benchmarks.place import HUMAN_SKU, Place
from benchmarks.report import Latency
from benchmarks.sale import BUYER, Sale, Till, wish
from integrations.temporal import connect
from portal.api_client import Api
from storage.case import cancellations, tickets
from storage.engine import Database

_WARM_UP = 3
_LOOK_EVERY_S = 0.001

OpenTicket = Callable[[Sale], float]


def measure_latency(place: Place, database: Database, count: int) -> Latency:
    """Ticket and floor in turn, so that both meet the same machine; medians of each."""
    # Sold before the worker runs: its relay would take a half-sold order for one left behind.
    sales = Till(database).sell(_WARM_UP + count, HUMAN_SKU)
    with open_house(place) as house:
        api = Api(house.url)
        token = house.token(BUYER)

        def open_ticket(sale: Sale) -> float:
            began = time.perf_counter()
            api.post("/cancellations", token, wish(sale).model_dump(mode="json"))
            _await_ticket(database, sale)
            return time.perf_counter() - began

        tickets_s, floors_s = asyncio.run(_in_turn(place, sales, open_ticket))
        api.close()
    return Latency(
        samples=count,
        ticket_median_ms=1000 * median(tickets_s[_WARM_UP:]),
        floor_median_ms=1000 * median(floors_s[_WARM_UP:]),
    )


def _await_ticket(database: Database, sale: Sale) -> None:
    with database.engine.connect() as connection:
        while not _has_ticket(connection, sale):
            time.sleep(_LOOK_EVERY_S)


def _has_ticket(connection: Connection, sale: Sale) -> bool:
    found = (
        select(tickets.c.id)
        .join(cancellations, cancellations.c.id == tickets.c.cancellation_id)
        .where(cancellations.c.line_id == sale.line_id)
    )
    # Each look is a transaction of its own, so that it sees what was committed since the last.
    with connection.begin():
        return connection.execute(found).first() is not None


async def _in_turn(
    place: Place, sales: Sequence[Sale], open_ticket: OpenTicket
) -> tuple[list[float], list[float]]:
    client = await connect(place.temporal_address, place.temporal_namespace)
    tickets_s, floors_s = [], []
    async with floor.worker(client):
        for number, sale in enumerate(sales):
            tickets_s.append(await run_in_threadpool(open_ticket, sale))
            floors_s.append(await _first_task(client, number))
    return tickets_s, floors_s


async def _first_task(client: Client, number: int) -> float:
    began = time.perf_counter()
    await client.execute_workflow(
        floor.FirstTaskWorkflow.run,
        number,
        id=f"first-task-{number}",
        task_queue=floor.TASK_QUEUE,
    )
    return time.perf_counter() - began
