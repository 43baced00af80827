"""The relay goes on after a faulty round, and starts what a dead door left behind."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.concurrency import run_in_threadpool
from temporalio.testing import WorkflowEnvironment

from models.ids import Prefix
from models.order import OrderDraft, OrderLineDraft
from portal.relay import LEFT_BEHIND_AFTER, Relay
from storage import order
from storage.engine import Database
from tests.factories import BUYER, CUSTOMER, PER_LINE
from tests.fixtures.worker import House, house, receipt


async def test_an_order_whose_door_died_is_started_later(
    temporal_server: WorkflowEnvironment, database: Database, tmp_path: Path
) -> None:
    async with house(temporal_server.client, database, tmp_path) as inside:
        placed = receipt(Prefix.ORDER)
        draft = OrderDraft(
            customer_id=CUSTOMER, currency="EUR", lines=(OrderLineDraft(sku=PER_LINE, quantity=1),)
        )
        await run_in_threadpool(
            order.place_order,
            database,
            draft,
            placed.resource_id,
            inside.person(BUYER),
            placed.received_at,
        )
        relay = Relay(inside.desk)
        await relay.start_left_behind(placed.received_at)
        assert (await inside.desk.find_order(placed.resource_id)).status == "placed", "too early"

        await relay.start_left_behind(placed.received_at + 2 * LEFT_BEHIND_AFTER)
        assert await _fulfilled(inside, placed.resource_id)


async def _fulfilled(inside: House, order_id: str) -> bool:
    for _ in range(500):
        if (await inside.desk.find_order(order_id)).status == "fulfilled":
            return True
        await asyncio.sleep(0.02)
    return False


async def test_a_faulty_round_does_not_end_the_relay(
    temporal_server: WorkflowEnvironment,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house(temporal_server.client, database, tmp_path) as inside:
        relay = Relay(inside.desk)
        rounds: list[datetime] = []
        second = asyncio.Event()

        async def faulty(now: datetime) -> Any:
            rounds.append(now)
            if len(rounds) == 1:
                relay.poke()
                raise ZeroDivisionError
            second.set()

        monkeypatch.setattr(relay, "deliver_due", faulty)
        stop = asyncio.Event()
        running = asyncio.create_task(relay.run(stop))
        async with asyncio.timeout(10):
            await second.wait()
        stop.set()
        await running
        assert rounds[0] < datetime.now(UTC)
