"""The relay goes on after a faulty round, and starts what a dead door left behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from temporalio.testing import WorkflowEnvironment

from models.ids import Prefix
from models.inbox import InboxItem
from models.order import OrderDraft, OrderLineDraft
from portal.relay import LEFT_BEHIND_AFTER, Relay
from rules.ticket import REOPEN_WITHIN
from storage import inbox, order
from storage.case import tickets
from storage.engine import Database
from tests.factories import BUYER, CUSTOMER, PER_LINE
from tests.fixtures.inquiry import Inquiry
from tests.fixtures.worker import House, house, receipt, unmanned

SOURCE = "partner-one-portal"


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


async def test_what_sends_is_started_again_when_somebody_ended_it(
    temporal_server: WorkflowEnvironment,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house(temporal_server.client, database, tmp_path) as inside:
        asked: list[None] = []

        async def ensure() -> None:
            asked.append(None)

        relay = Relay(inside.desk)
        monkeypatch.setattr(inside.desk.engine, "ensure_senders", ensure)
        first = datetime.now(UTC)
        for later in (0, 1, 29, 31, 32, 63):
            await relay.round(first + timedelta(seconds=later))
        assert len(asked) == 3


async def test_events_are_delivered_some_at_once_and_those_of_one_ticket_in_turn(
    temporal_server: WorkflowEnvironment,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(20):
        ticket = "tkt_same" if number < 3 else f"tkt_{number}"
        _receive(database, f"evt_{number:02d}", {"ticket_id": ticket})
    relay = Relay(unmanned(temporal_server.client, database).desk)
    running: list[str] = []
    most, began = 0, []

    async def deliver(item: InboxItem) -> None:
        nonlocal most
        ticket = item.data["ticket_id"]
        assert ticket not in running, "two acts on one ticket at once"
        running.append(ticket)
        began.append(item.event_id)
        most = max(most, len(running))
        await asyncio.sleep(0.02)
        running.remove(ticket)

    monkeypatch.setattr(relay, "deliver", deliver)
    assert await relay.deliver_due(datetime.now(UTC)) == 20
    assert most == 8
    assert [event for event in began if event < "evt_03"] == ["evt_00", "evt_01", "evt_02"]


async def test_a_fault_of_one_event_is_told_after_the_others_are_through(
    temporal_server: WorkflowEnvironment,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        _receive(database, f"evt_{number}", {"ticket_id": f"tkt_{number}"})
    relay = Relay(unmanned(temporal_server.client, database).desk)
    through: list[str] = []

    async def deliver(item: InboxItem) -> None:
        if item.event_id == "evt_0":
            raise ZeroDivisionError
        await asyncio.sleep(0.02)
        through.append(item.event_id)

    monkeypatch.setattr(relay, "deliver", deliver)
    with pytest.raises(ZeroDivisionError):
        await relay.deliver_due(datetime.now(UTC))
    assert sorted(through) == ["evt_1", "evt_2"]


def test_a_verdict_on_an_event_stands(database: Database) -> None:
    _receive(database, "evt_slow", {"ticket_id": "tkt_1"})
    (held,) = inbox.claim_due(database, datetime.now(UTC), 10)
    inbox.mark_done(database, held, {"resource_id": held.resource_id})

    inbox.mark_rejected(database, held, {"code": "case_closed"})
    inbox.mark_retry(database, held, "temporal_unavailable", datetime.now(UTC))

    with database.reading() as connection:
        row = connection.execute(select(inbox.events)).one()
    assert (row.status, row.outcome) == ("done", {"resource_id": held.resource_id})


def _receive(database: Database, event_id: str, data: dict[str, Any]) -> None:
    inbox.receive(
        database,
        source=SOURCE,
        event_id=event_id,
        event_type="portal.ticket.noted.v1",
        body_sha256=event_id.encode(),
        data=data,
        resource_id=event_id,
        received_at=datetime.now(UTC),
    )


async def test_the_first_round_makes_the_schedule_that_closes_months(
    temporal_server: WorkflowEnvironment, database: Database
) -> None:
    inside = unmanned(temporal_server.client, database)

    await Relay(inside.desk).round(datetime.now(UTC))

    handle = inside.client.get_schedule_handle(f"{inside.task_queue}-statements")
    (next_time, *_) = (await handle.describe()).info.next_action_times
    assert (next_time.day, next_time.hour, next_time.minute) == (1, 1, 0)
    await handle.delete()


async def test_a_round_looks_after_what_no_process_runs(
    temporal_server: WorkflowEnvironment, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = unmanned(temporal_server.client, database).desk

    async def ensured() -> None:
        """Mails and closings are somebody else's here."""

    monkeypatch.setattr(desk.engine, "ensure_senders", ensured)
    monkeypatch.setattr(desk.engine, "ensure_schedule", ensured)
    done, late = Inquiry(database).open().resolve(), Inquiry(database).open()
    await Relay(desk).round(done.at + REOPEN_WITHIN)
    with database.reading() as connection:
        rows = connection.execute(select(tickets.c.id, tickets.c.closed_at, tickets.c.escalated_at))
        found = {row.id: (row.closed_at is not None, row.escalated_at is not None) for row in rows}
    assert found == {done.id: (True, False), late.id: (False, True)}
